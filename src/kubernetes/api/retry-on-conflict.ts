/** Optimistic concurrency, as client-go's `retry.RetryOnConflict`. */
import { CertmanError } from '../../failures/failure.ts';

/**
 * Runs `attempt` again while it throws `kubernetes/conflict`, at most so often in all. Each attempt reads the object anew.
 * @throws what the last attempt throws.
 */
export async function retryOnConflict<Result>(maxAttempts: number, attempt: () => Promise<Result>): Promise<Result> {
  for (let count = 1; ; count += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!isFailure(error, 'kubernetes/conflict') || count >= maxAttempts) throw error;
    }
  }
}

/** Whether an error is a `CertmanError` of this code. */
export function isFailure(error: unknown, code: CertmanError['code']): error is CertmanError {
  return error instanceof CertmanError && error.code === code;
}
