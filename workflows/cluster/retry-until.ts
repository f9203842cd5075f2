import { isCancellation, log, workflowInfo } from '@temporalio/workflow';
import { type ScheduledRetry, scheduleRetry } from '../../src/certificates/scheduled-retry.ts';
import type { FailureInfo } from '../../src/failures/failure.ts';
import { failureIn } from '../failures.ts';
import type { Bundle, ClusterContext } from './bundle.ts';
import type { Changes } from './changes.ts';
import { sleepAndRewriteStatus } from './sleep-until.ts';

/** When the retries of a decommission's step end, and where they are reported. */
export interface RetryOptions {
  readonly cluster: ClusterContext;
  /** For timers: the bundle or the cluster. */
  readonly name: string;
  /** A change brings the next attempt forward. */
  readonly changes: Changes;
  /** Epoch milliseconds after which the step is given up; infinite or absent: never. */
  readonly deadline?: number;
  readonly isAborted?: () => boolean;
  /** Whether the step is given up when it fails. */
  readonly isReleased?: () => boolean;
  /** Its status is written again while the step waits, if it could not be written. */
  readonly bundle: Bundle | undefined;
  /** Called after each failed attempt that is followed by another one. */
  readonly onBlocked: (blocked: ScheduledRetry) => Promise<void>;
}

/** How the retries ended. */
export type RetryResult<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'failed'; readonly failure: FailureInfo };

/**
 * Repeats a step by the retry schedule. It is always tried once, even after the deadline.
 * @returns undefined when it was aborted or a new run should go on with it: it is not under way then.
 */
export async function retryUntil<T>(
  {
    cluster,
    name,
    changes,
    deadline = Number.POSITIVE_INFINITY,
    isAborted,
    isReleased,
    bundle,
    onBlocked,
  }: RetryOptions,
  step: () => Promise<T>,
): Promise<RetryResult<T> | undefined> {
  const jitterKey = `${cluster.view.identity.uid}/${name}`;
  let previous: ScheduledRetry | undefined;
  for (;;) {
    if (isAborted?.()) return undefined;
    const seen = changes.count;
    try {
      return { kind: 'done', value: await step() };
    } catch (error) {
      if (isCancellation(error)) throw error;
      if (isAborted?.()) return undefined;
      const failure = failureIn(error);
      if (isReleased?.() || Date.now() >= deadline) return { kind: 'failed', failure };
      previous = scheduleRetry(failure, Date.now(), jitterKey, previous);
      const until = Math.min(Date.parse(previous.nextAttempt), deadline);
      const blocked = { ...previous, nextAttempt: new Date(until).toISOString() };
      log.warn('A step of a decommission has failed', { name, ...blocked });
      await onBlocked(blocked);
      // A released decommission has nothing left to wait for.
      if (cluster.decommissioning && !cluster.released && workflowInfo().continueAsNewSuggested) return undefined;
      const timer = { until, summary: `${name}: try again at ${blocked.nextAttempt}` };
      await sleepAndRewriteStatus(changes, seen, timer, bundle);
    }
  }
}
