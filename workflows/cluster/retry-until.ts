import { isCancellation } from '@temporalio/workflow';
import { nextAttemptAt } from '../../src/certificates/retry-schedule.ts';
import type { BlockedStep } from '../../src/contract/bundle-record.ts';
import type { FailureInfo } from '../../src/failures/failure.ts';
import { failureIn } from '../failures.ts';
import type { Changes } from './changes.ts';

/** When the retries end, and where they are reported. */
export interface RetryOptions {
  /** For timers: the bundle or the cluster. */
  readonly name: string;
  /** A change brings the next attempt forward. */
  readonly changes: Changes;
  /** Epoch milliseconds after which the step is given up; infinite: never. */
  readonly deadline: number;
  readonly isAborted: () => boolean;
  /** Whether the step is given up when it fails. */
  readonly isReleased: () => boolean;
  readonly isContinueAsNewDue: () => boolean;
  /** Called after each failed attempt that is followed by another one. */
  readonly onBlocked: (blocked: Required<BlockedStep>) => Promise<void>;
}

/** How the retries ended. After `aborted` and `continueAsNewDue` the step is not under way. */
export type RetryResult<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'failed'; readonly failure: FailureInfo }
  | RetryInterruption;

/** Neither done nor given up. */
export interface RetryInterruption {
  readonly kind: 'aborted' | 'continueAsNewDue';
}

/** Repeats a step by the retry schedule. It is always tried once, even after the deadline. */
export async function retryUntil<T>(options: RetryOptions, step: () => Promise<T>): Promise<RetryResult<T>> {
  const { name, changes, deadline, isAborted, isReleased, isContinueAsNewDue, onBlocked } = options;
  for (let attempts = 1; ; attempts += 1) {
    if (isAborted()) return { kind: 'aborted' };
    const seen = changes.count;
    try {
      return { kind: 'done', value: await step() };
    } catch (error) {
      if (isCancellation(error)) throw error;
      if (isAborted()) return { kind: 'aborted' };
      const failure = failureIn(error);
      if (isReleased() || Date.now() >= deadline) return { kind: 'failed', failure };
      const until = Math.min(nextAttemptAt(failure, attempts, Date.now()), deadline);
      const nextAttempt = new Date(until).toISOString();
      await onBlocked({ failure, attempts, failedAt: new Date(Date.now()).toISOString(), nextAttempt });
      if (isContinueAsNewDue()) return { kind: 'continueAsNewDue' };
      await changes.sleep(seen, { until, summary: `${name}: try again at ${nextAttempt}` });
    }
  }
}
