import { isFailure } from '../../failures/failure.ts';

/** Repeats an attempt, which reads anew, on `kubernetes/conflict`, as client-go's `retry.RetryOnConflict`. */
export async function retryOnConflict<Result>(maxAttempts: number, attempt: () => Promise<Result>): Promise<Result> {
  for (let count = 1; ; count += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!isFailure(error, 'kubernetes/conflict') || count >= maxAttempts) throw error;
    }
  }
}
