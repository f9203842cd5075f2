/** A step of the end that is repeated until it is done, its time is over, or an operator lets it go. */
import { condition, isCancellation, workflowInfo } from '@temporalio/workflow';
import { nextAttemptAt } from '../../src/certificates/retry-schedule.ts';
import { blockedSentence, failureSentence } from '../../src/certificates/status-wording.ts';
import type { FailureInfo } from '../../src/failures/failure.ts';
import type { BundleRecord } from '../contract.ts';
import { failureIn } from '../failures.ts';
import type { ClusterState } from './cluster-state.ts';
import { report } from './reporting.ts';

/** The run has grown so long that a fresh one is to go on; nothing is under way. */
export class Suspended extends Error {
  override readonly name = 'Suspended';
}

/** The end of a bundle, of which it is a step, is not to go on now, the cluster living on; nothing is under way. */
export class CalledOff extends Error {
  override readonly name = 'CalledOff';
}

export interface Persistence {
  /** Undefined: what is tried concerns the cluster as a whole. */
  readonly bundleName?: string;
  /** Epoch milliseconds after which it is given up; infinite: never. */
  readonly deadline: number;
  /** Without this there is no end of the end: an operator cannot let it go. */
  readonly indispensable?: true;
}

export interface Tried<T> {
  readonly value?: T;
  /** Set when it was given up; what was last said. */
  readonly problem?: FailureInfo;
}

/**
 * Repeats a step by the retry schedule, sooner when something changes. It is always tried once, however late it is.
 * @throws Suspended instead of waiting in a run that is long enough.
 * @throws CalledOff instead of another try, or of giving up, where the cluster lives on and asks for the bundle, or a gate is closed.
 */
export async function keepTrying<T>(
  cluster: ClusterState,
  { bundleName, deadline, indispensable }: Persistence,
  step: () => Promise<T>,
): Promise<Tried<T>> {
  for (let failedAttempts = 1; ; failedAttempts += 1) {
    if (isCalledOff(cluster, bundleName)) throw new CalledOff();
    const seen = cluster.changesOf(bundleName);
    try {
      return { value: await step() };
    } catch (error) {
      if (isCancellation(error)) throw error;
      if (isCalledOff(cluster, bundleName)) throw new CalledOff();
      const failure = failureIn(error);
      const letGo = cluster.lettingGo.isInForceFor(bundleName) && indispensable !== true;
      if (letGo || Date.now() >= deadline) return { problem: failure };
      const until = Math.min(nextAttemptAt(failure, failedAttempts, Date.now()), deadline);
      const nextAttempt = new Date(until).toISOString();
      if (bundleName !== undefined) {
        const end = { of: cluster.ending ? 'cluster' : 'bundle', deadline } as const;
        const message = blockedSentence(failure, failedAttempts, nextAttempt, end);
        await tell(cluster, [bundleName], { failure, failedAttempts, nextAttempt, message });
      } else {
        const message = `The finalizer is not released yet. ${failureSentence(failure, failedAttempts, nextAttempt)}`;
        await tell(cluster, cluster.knownBundles(), { failure, failedAttempts, nextAttempt, message });
      }
      // Once let go, the bundles have their end behind them: a fresh run would have nothing more to give up.
      if (cluster.ending && !cluster.lettingGo.ofCluster && workflowInfo().continueAsNewSuggested) {
        throw new Suspended();
      }
      const awake = (): boolean => cluster.changesOf(bundleName) !== seen;
      // A bundle whose end is held up while its cluster lives on must not keep the run from being continued as new.
      const atRest = bundleName !== undefined && !awake();
      if (atRest) cluster.services.rest(bundleName, true);
      await condition(awake, Math.max(1, until - Date.now()), {
        summary: `${bundleName ?? cluster.name}: try again at ${nextAttempt}`,
      });
      if (atRest) cluster.services.rest(bundleName, false);
    }
  }
}

export function isCalledOff(cluster: ClusterState, bundleName: string | undefined): boolean {
  if (cluster.leaving || bundleName === undefined) return false;
  return cluster.bundle(bundleName) !== undefined || cluster.gate().kind !== 'serve';
}

/** Tells it on the resources of the first of these bundles; the Event is on the ClusterDeployment as well. */
async function tell(
  cluster: ClusterState,
  bundleNames: readonly string[],
  blocked: Required<Pick<BundleRecord, 'failure' | 'failedAttempts' | 'nextAttempt' | 'message'>>,
): Promise<void> {
  const failedAt = new Date(Date.now()).toISOString();
  for (const name of bundleNames) cluster.update(name, { ...blocked, failedAt });
  cluster.publishAttributes();
  const [first] = bundleNames;
  if (first === undefined) return;
  await report(cluster, first, { type: 'Warning', reason: 'DecommissionBlocked', message: blocked.failure.message });
}
