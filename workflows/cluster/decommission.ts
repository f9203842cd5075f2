import { isCancellation } from '@temporalio/workflow';
import type { ScheduledRetry } from '../../src/certificates/scheduled-retry.ts';
import { failureMessage } from '../../src/certificates/status-messages.ts';
import type { FinalizerOutcome } from '../../src/contract/activities/kubernetes.ts';
import type { BundleDecommissionResult, DecommissionStarted } from '../../src/contract/bundle-record.ts';
import type { DecommissionResult } from '../../src/contract/cluster-certificates.ts';
import type { FailureInfo } from '../../src/failures/failure.ts';
import { removeFinalizer } from '../activities.ts';
import { failureIn } from '../failures.ts';
import type { ClusterCertificates, FinalizerResult } from './cluster.ts';
import { blockedEvent, decommissionBundle, notStartedMessage, startDecommission } from './decommission-bundle.ts';
import { retryUntil } from './retry-until.ts';

/** Decommissions every bundle, then removes the finalizer. @returns undefined when a new run should go on with it. */
export async function decommission(cluster: ClusterCertificates): Promise<DecommissionResult | undefined> {
  // Without a bundle, no transition publishes the state.
  if (cluster.bundles().length === 0) cluster.publishSearchAttributes();
  const started = cluster.decommissionStarted ?? (await startClusterDecommission(cluster));
  if (started === undefined) return undefined;
  cluster.decommissionStarted = started;
  const bundles = await decommissionBundles(cluster, started);
  if (bundles === undefined) return undefined;
  const { identity } = cluster.view;
  const failures = bundles.flatMap((result) => result.failures);
  const outcome = await retryUntil(
    {
      // No deadline: a ClusterDeployment with the finalizer would never be deleted, so its removal cannot be given up.
      cluster,
      name: cluster.name,
      changes: cluster.changes,
      bundle: cluster.bundles()[0],
      onBlocked: (blocked) => reportFinalizerBlocked(cluster, started, blocked),
    },
    () => tryToRemoveFinalizer(cluster, failures),
  );
  if (outcome?.kind !== 'done') return undefined;
  const finalizer = outcome.value;
  return { cluster: identity, bundles, finalizerRemoved: finalizer !== 'kept', finalizer };
}

/** Its failures are on every bundle, and reported once. */
async function startClusterDecommission(cluster: ClusterCertificates): Promise<DecommissionStarted | undefined> {
  const { name, changes } = cluster;
  const bundles = cluster.bundles();
  const options = { cluster, name, changes, bundle: bundles[0] };
  return await startDecommission({
    ...options,
    onBlocked: async (blocked) => {
      for (const bundle of bundles) bundle.learn({ message: notStartedMessage(blocked) });
      await bundles[0]?.show(blockedEvent(blocked.failure));
    },
  });
}

/** Keeps the result for the update `release`. */
async function tryToRemoveFinalizer(
  { name, view, finalizerAttempts }: ClusterCertificates,
  failures: readonly FailureInfo[],
): Promise<FinalizerOutcome> {
  const finish = (result: FinalizerResult): void => {
    finalizerAttempts.finished = finalizerAttempts.started;
    finalizerAttempts.lastResult = result;
  };
  finalizerAttempts.started += 1;
  try {
    const summary = `remove the finalizer of ${name}`;
    const finalizer = await removeFinalizer.executeWithOptions({ summary }, [view.identity, failures]);
    finish({ finalizer });
    return finalizer;
  } catch (error) {
    if (!isCancellation(error)) finish({ finalizer: 'blocked', blockedBy: failureIn(error) });
    throw error;
  }
}

/** All bundles at once. @returns undefined when a new run should go on: then none is under way. */
async function decommissionBundles(
  cluster: ClusterCertificates,
  started: DecommissionStarted,
): Promise<readonly BundleDecommissionResult[] | undefined> {
  const ends = await Promise.allSettled(cluster.bundles().map((bundle) => decommissionBundle(bundle, started)));
  const results: BundleDecommissionResult[] = [];
  for (const end of ends) {
    if (end.status === 'rejected') throw end.reason;
    if (end.value === undefined) return undefined;
    results.push(end.value);
  }
  return results;
}

/** Records it for every bundle, and reports it once: the Event is on the ClusterDeployment, too. */
async function reportFinalizerBlocked(
  cluster: ClusterCertificates,
  started: DecommissionStarted,
  blocked: ScheduledRetry,
): Promise<void> {
  const { failure, attempts, nextAttempt } = blocked;
  const message = `The finalizer is not removed yet. ${failureMessage(failure, attempts, nextAttempt)}`;
  const bundles = cluster.bundles();
  for (const bundle of bundles) {
    const { record } = bundle;
    const result = record.state === 'Decommissioning' ? record.result : undefined;
    bundle.enter({ state: 'Decommissioning', started, blocked, result }, { message });
  }
  await bundles[0]?.show(blockedEvent(failure));
}
