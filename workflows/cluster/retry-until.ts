/** A step of the end that is repeated until it is done, its time is over, or an operator lets it go. */
import { condition, isCancellation, workflowInfo } from '@temporalio/workflow';
import { nextAttemptAt } from '../../src/certificates/retry-schedule.ts';
import { blockedMessage, failureMessage } from '../../src/certificates/status-messages.ts';
import type { BundleRecord } from '../../src/contract/bundle-record.ts';
import type { FailureInfo } from '../../src/failures/failure.ts';
import { failureIn } from '../failures.ts';
import type { ClusterState } from './cluster-state.ts';
import { reportBundle } from './status-reporting.ts';

/** The run has grown so long that a fresh one is to go on; nothing is under way. */
export class ContinueAsNewDue extends Error {
  override readonly name = 'ContinueAsNewDue';
}

/** The end of a bundle, of which it is a step, is not to go on now, the cluster living on; nothing is under way. */
export class Aborted extends Error {
  override readonly name = 'Aborted';
}

export interface RetryOptions {
  /** Undefined: what is tried concerns the cluster as a whole. */
  readonly bundleName?: string;
  /** Epoch milliseconds after which it is given up; infinite: never. */
  readonly deadline: number;
  /** Without this there is no end of the end: an operator cannot let it go. */
  readonly required?: true;
}

export interface RetryResult<T> {
  readonly value?: T;
  /** Set when it was given up; what was last said. */
  readonly failure?: FailureInfo;
}

/**
 * Repeats a step by the retry schedule, sooner when something changes. It is always tried once, however late it is.
 * @throws Suspended instead of waiting in a run that is long enough.
 * @throws CalledOff instead of another try, or of giving up, where the cluster lives on and asks for the bundle, or a gate is closed.
 */
export async function retryUntil<T>(
  cluster: ClusterState,
  { bundleName, deadline, required: indispensable }: RetryOptions,
  step: () => Promise<T>,
): Promise<RetryResult<T>> {
  for (let failedAttempts = 1; ; failedAttempts += 1) {
    if (isAborted(cluster, bundleName)) throw new Aborted();
    const seen = cluster.changeCount(bundleName);
    try {
      return { value: await step() };
    } catch (error) {
      if (isCancellation(error)) throw error;
      if (isAborted(cluster, bundleName)) throw new Aborted();
      const failure = failureIn(error);
      const letGo = cluster.releaseRequests.covers(bundleName) && indispensable !== true;
      if (letGo || Date.now() >= deadline) return { failure };
      const until = Math.min(nextAttemptAt(failure, failedAttempts, Date.now()), deadline);
      const nextAttempt = new Date(until).toISOString();
      if (bundleName !== undefined) {
        const end = { of: cluster.decommissioning ? 'cluster' : 'bundle', deadline } as const;
        const message = blockedMessage(failure, failedAttempts, nextAttempt, end);
        await reportBlocked(cluster, [bundleName], { failure, failedAttempts, nextAttempt, message });
      } else {
        const message = `The finalizer is not released yet. ${failureMessage(failure, failedAttempts, nextAttempt)}`;
        await reportBlocked(cluster, cluster.allBundles(), { failure, failedAttempts, nextAttempt, message });
      }
      // Once let go, the bundles have their end behind them: a fresh run would have nothing more to give up.
      if (cluster.decommissioning && !cluster.releaseRequests.wholeCluster && workflowInfo().continueAsNewSuggested) {
        throw new ContinueAsNewDue();
      }
      const awake = (): boolean => cluster.changeCount(bundleName) !== seen;
      // A bundle whose end is held up while its cluster lives on must not keep the run from being continued as new.
      const atRest = bundleName !== undefined && !awake();
      if (atRest) cluster.loops.setSleeping(bundleName, true);
      await condition(awake, Math.max(1, until - Date.now()), {
        summary: `${bundleName ?? cluster.name}: try again at ${nextAttempt}`,
      });
      if (atRest) cluster.loops.setSleeping(bundleName, false);
    }
  }
}

export function isAborted(cluster: ClusterState, bundleName: string | undefined): boolean {
  if (cluster.stopping || bundleName === undefined) return false;
  return cluster.bundle(bundleName) !== undefined || cluster.gate().kind !== 'serve';
}

/** Tells it on the resources of the first of these bundles; the Event is on the ClusterDeployment as well. */
async function reportBlocked(
  cluster: ClusterState,
  bundleNames: readonly string[],
  blocked: Required<Pick<BundleRecord, 'failure' | 'failedAttempts' | 'nextAttempt' | 'message'>>,
): Promise<void> {
  const failedAt = new Date(Date.now()).toISOString();
  for (const name of bundleNames) cluster.update(name, { ...blocked, failedAt });
  cluster.publishSearchAttributes();
  const [first] = bundleNames;
  if (first === undefined) return;
  await reportBundle(cluster, first, {
    type: 'Warning',
    reason: 'DecommissionBlocked',
    message: blocked.failure.message,
  });
}
