/** An operator's order to let an end go: a cluster's that is being deleted, or those of bundles that a living cluster has no more. */
import { condition } from '@temporalio/workflow';
import type { ReleaseResult } from '../../src/contract/cluster-certificates.ts';
import type { FailureInfo } from '../../src/failures/failure.ts';
import type { ClusterState } from './cluster-state.ts';
import type { FinalizerResult } from './finalizer-attempts.ts';
import { rejectUpdate } from './reject-update.ts';

/** Which ends are given up where they fail next. */
export class ReleaseRequests {
  #cluster = false;
  readonly #bundles = new Set<string>();

  /** Whether the cluster, which is being deleted, is let go as a whole. */
  get wholeCluster(): boolean {
    return this.#cluster;
  }

  /** @param bundleName undefined: what concerns the cluster as a whole. */
  covers(bundleName: string | undefined): boolean {
    return this.#cluster || (bundleName !== undefined && this.#bundles.has(bundleName));
  }

  addCluster(): void {
    this.#cluster = true;
  }

  /** The cluster's own end, when that comes, is another one. */
  addBundle(name: string): void {
    this.#bundles.add(name);
  }

  remove(bundleName: string): void {
    this.#bundles.delete(bundleName);
  }
}

/** Synchronous by necessity: an asynchronous validator would wedge the workflow. */
export function validateRelease(cluster: ClusterState): void {
  if (cluster.decommissioning) return;
  if (cluster.decommissioningBundles().length === 0) {
    rejectUpdate(
      'release/rejected',
      `${cluster.name} is not being deleted, and no bundle that was taken out of it is left: there is nothing to let go.`,
    );
  }
  const held = gateClosedReason(cluster);
  if (held !== undefined) rejectUpdate('release/rejected', held);
}

/** Why the ends of a living cluster's bundles stand still, in a sentence; undefined: they do not. */
function gateClosedReason(cluster: ClusterState): string | undefined {
  if (cluster.decommissioning) return undefined;
  if (cluster.claimedBy !== undefined) return `${cluster.name} belongs to ClusterDeployment ${cluster.claimedBy} now.`;
  const gate = cluster.gate();
  return gate.kind === 'serve' ? undefined : `${cluster.name} is not served now: ${gate.message}`;
}

/**
 * Answers with what was left of each end once it is over and, of a cluster, with what became of its finalizer then. The order is
 * in force for as long as it is not answered.
 * @throws ApplicationFailure `release/rejected` where a gate was closed meanwhile: what is not over by then is not let go.
 */
export async function handleRelease(cluster: ClusterState): Promise<ReleaseResult> {
  const of = cluster.decommissioning ? 'cluster' : 'bundles';
  const bundleNames = cluster.decommissioningBundles();
  const { started: begun } = cluster.finalizerAttempts;
  cluster.requestRelease();
  const left = await Promise.all(bundleNames.map((name) => bundleFailures(cluster, name)));
  const finalizer = of === 'cluster' ? await finalizerResultAfter(cluster, begun) : {};
  return { of, bundleNames, failures: left.flat(), ...finalizer };
}

/** @param begun how many tries at the finalizer had begun when it was ordered. */
async function finalizerResultAfter(cluster: ClusterState, begun: number): Promise<FinalizerResult> {
  await condition(() => cluster.finalizerAttempts.resultAfter(begun) !== undefined);
  return cluster.finalizerAttempts.resultAfter(begun) ?? {};
}

/**
 * Each bundle's as soon as it is over: the record of one that a living cluster has no more goes soon after, once what was left
 * is told on its resources. One that is asked for again leaves nothing. An order is not kept for when a gate opens again.
 * @throws ApplicationFailure `release/rejected` where a gate was closed meanwhile.
 */
async function bundleFailures(cluster: ClusterState, name: string): Promise<readonly FailureInfo[]> {
  const over = (): boolean =>
    cluster.record(name).decommissionResult !== undefined || !cluster.decommissioningBundles().includes(name);
  await condition(() => over() || gateClosedReason(cluster) !== undefined);
  cluster.releaseRequests.remove(name);
  const why = over() ? undefined : gateClosedReason(cluster);
  if (why !== undefined) rejectUpdate('release/rejected', `The end of bundle ${name} stands still. ${why}`);
  return cluster.record(name).decommissionResult?.failures ?? [];
}
