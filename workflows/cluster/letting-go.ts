/** An operator's order to let an end go: a cluster's that is being deleted, or those of bundles that a living cluster has no more. */
import { condition } from '@temporalio/workflow';
import type { FailureInfo } from '../../src/failures/failure.ts';
import type { Released } from '../contract.ts';
import type { ClusterState } from './cluster-state.ts';
import type { TriedFinalizer } from './finalizer-tries.ts';
import { refuse } from './refusal.ts';

/** Which ends are given up where they fail next. */
export class LettingGo {
  #cluster = false;
  readonly #bundles = new Set<string>();

  /** Whether the cluster, which is being deleted, is let go as a whole. */
  get ofCluster(): boolean {
    return this.#cluster;
  }

  /** @param bundleName undefined: what concerns the cluster as a whole. */
  isInForceFor(bundleName: string | undefined): boolean {
    return this.#cluster || (bundleName !== undefined && this.#bundles.has(bundleName));
  }

  ofWholeCluster(): void {
    this.#cluster = true;
  }

  /** The cluster's own end, when that comes, is another one. */
  ofBundle(name: string): void {
    this.#bundles.add(name);
  }

  answered(bundleName: string): void {
    this.#bundles.delete(bundleName);
  }
}

/** Synchronous by necessity: an asynchronous validator would wedge the workflow. */
export function validateRelease(cluster: ClusterState): void {
  if (cluster.ending) return;
  if (cluster.endingBundles().length === 0) {
    refuse(
      'release/refused',
      `${cluster.name} is not being deleted, and no bundle that was taken out of it is left: there is nothing to let go.`,
    );
  }
  const held = heldOff(cluster);
  if (held !== undefined) refuse('release/refused', held);
}

/** Why the ends of a living cluster's bundles stand still, in a sentence; undefined: they do not. */
function heldOff(cluster: ClusterState): string | undefined {
  if (cluster.ending) return undefined;
  if (cluster.claimedBy !== undefined) return `${cluster.name} belongs to ClusterDeployment ${cluster.claimedBy} now.`;
  const gate = cluster.gate();
  return gate.kind === 'serve' ? undefined : `${cluster.name} is not served now: ${gate.message}`;
}

/**
 * Answers with what was left of each end once it is over and, of a cluster, with what became of its finalizer then. The order is
 * in force for as long as it is not answered.
 * @throws ApplicationFailure `release/refused` where a gate was closed meanwhile: what is not over by then is not let go.
 */
export async function letGo(cluster: ClusterState): Promise<Released> {
  const of = cluster.ending ? 'cluster' : 'bundles';
  const bundleNames = cluster.endingBundles();
  const { begun } = cluster.finalizerTries;
  cluster.letGo();
  const left = await Promise.all(bundleNames.map((name) => leftAtTheEnd(cluster, name)));
  const finalizer = of === 'cluster' ? await triedAfter(cluster, begun) : {};
  return { of, bundleNames, left: left.flat(), ...finalizer };
}

/** @param begun how many tries at the finalizer had begun when it was ordered. */
async function triedAfter(cluster: ClusterState, begun: number): Promise<TriedFinalizer> {
  await condition(() => cluster.finalizerTries.after(begun) !== undefined);
  return cluster.finalizerTries.after(begun) ?? {};
}

/**
 * Each bundle's as soon as it is over: the record of one that a living cluster has no more goes soon after, once what was left
 * is told on its resources. One that is asked for again leaves nothing. An order is not kept for when a gate opens again.
 * @throws ApplicationFailure `release/refused` where a gate was closed meanwhile.
 */
async function leftAtTheEnd(cluster: ClusterState, name: string): Promise<readonly FailureInfo[]> {
  const over = (): boolean => cluster.record(name).ended !== undefined || !cluster.endingBundles().includes(name);
  await condition(() => over() || heldOff(cluster) !== undefined);
  cluster.lettingGo.answered(name);
  const why = over() ? undefined : heldOff(cluster);
  if (why !== undefined) refuse('release/refused', `The end of bundle ${name} stands still. ${why}`);
  return cluster.record(name).ended?.problems ?? [];
}
