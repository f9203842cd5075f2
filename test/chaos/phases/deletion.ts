import { setTimeout as sleep } from 'node:timers/promises';
import { CLUSTER_DEPLOYMENTS } from '../../../src/kubernetes/objects/resources.ts';
import type { ChaosCluster } from '../context.ts';
import type { Installation } from '../installation.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { PhaseWorkload } from './phase.ts';
import type { RenewalRequester } from './renewal-requester.ts';

/** As long as a renewal takes, so that deletions interrupt every step of it. */
const MAX_HEADSTART_MS = 2_000;

/** Deletes clusters, some at a time, half of them during a renewal, and waits for their decommission. */
export class Deletion implements PhaseWorkload {
  readonly name = 'deletion';
  readonly #installation: Installation;
  readonly #clusters: readonly ChaosCluster[];
  readonly #operator: RenewalRequester;
  readonly #random: SeededRandom;
  readonly #waiting: ChaosCluster[];
  readonly #decommissioningSince = new Map<string, number>();

  constructor(
    installation: Installation,
    clusters: readonly ChaosCluster[],
    { operator, random }: { readonly operator: RenewalRequester; readonly random: SeededRandom },
  ) {
    this.#installation = installation;
    this.#clusters = clusters;
    this.#operator = operator;
    this.#random = random;
    this.#waiting = [...clusters];
  }

  /** From when on an order for a cluster may be given up with it (`performance.now()`), by the cluster's name. */
  get decommissioningSince(): ReadonlyMap<string, number> {
    return this.#decommissioningSince;
  }

  async submit(portions: number): Promise<void> {
    const portion = this.#waiting.splice(0, Math.ceil(this.#waiting.length / portions));
    await Promise.all(portion.map((cluster, index) => this.#delete(cluster, index % 2 === 0)));
  }

  async pending(): Promise<string | undefined> {
    const there = new Set<string>();
    for await (const { metadata } of this.#installation.kubernetes.list(CLUSTER_DEPLOYMENTS, { metadataOnly: true }))
      there.add(metadata.namespace ?? '');
    const left = this.#clusters.filter(({ namespace }) => there.has(namespace)).map(({ name }) => name);
    if (left.length > 0) return `${left.length} clusters are not gone: ${left.join(', ')}`;
    return this.#operator.unanswered();
  }

  async #delete(cluster: ChaosCluster, whileRenewed: boolean): Promise<void> {
    const { namespace, name } = cluster;
    this.#decommissioningSince.set(name, performance.now());
    if (whileRenewed) {
      void this.#operator.requestRenewal(cluster);
      await sleep(this.#random.integer(0, MAX_HEADSTART_MS));
    }
    await this.#installation.kubernetes.delete(CLUSTER_DEPLOYMENTS, { namespace, name });
  }
}
