/** What should have a workflow against what has one: one that is missing is started, one whose object is gone is told so. */
import type { ClusterIdentity, ClusterView } from '../../src/clusters/cluster-view.ts';
import { goneView } from '../../src/clusters/gone-view.ts';
import { identityOf, type KnownCluster } from '../../src/clusters/what-to-signal.ts';
import { projectClusterDeployment } from '../../src/kubernetes/cluster-deployment.ts';
import type { KubernetesApi, KubernetesObject } from '../../src/kubernetes/kubernetes-api.ts';
import { observeRequest } from '../../src/kubernetes/observed-request.ts';
import { servedResource } from '../../src/kubernetes/served-resource.ts';
import { standaloneView } from '../../src/kubernetes/standalone-request.ts';
import type { WatchLogger, WatchSettings } from './dependencies.ts';
import { type KnownFleet, keyOf } from './known-fleet.ts';
import { RecentlyTold } from './recently-told.ts';
import type { RequestWatch } from './request-watch.ts';
import type { Signals } from './signals.ts';
import { type RefusalWords, tellInTurn, unlessRefused } from './tell-in-turn.ts';
import type { WorkByKey } from './work-by-key.ts';

export const COULD_NOT_BE_TOLD: RefusalWords = { message: 'A cluster could not be told' };
export const COULD_NOT_BE_LOOKED_UP: RefusalWords = { message: 'The workflow of a cluster could not be looked up' };

/** A workflow that still runs by then, and is not seen to end, is told again. */
const ENDS_WITHIN_MS = 3_600_000;

export interface WorkflowComparisonOptions {
  readonly kubernetes: KubernetesApi;
  readonly settings: WatchSettings;
  readonly fleet: KnownFleet;
  readonly requests: Pick<RequestWatch, 'claimant'>;
  readonly signals: Pick<Signals, 'running' | 'runningState' | 'observed' | 'claimed' | 'gone'>;
  readonly work: WorkByKey;
  readonly logger: WatchLogger;
  readonly signal: AbortSignal;
}

export class WorkflowComparison {
  readonly #options: WorkflowComparisonOptions;
  /** Workflows that were told here that there is nothing left for them to look after: they end when they can. */
  readonly #toldToEnd = new RecentlyTold<true>(ENDS_WITHIN_MS);

  constructor(options: WorkflowComparisonOptions) {
    this.#options = options;
  }

  /**
   * @param hiveIsServed without it, nothing can be said about workflows of ClusterDeployments: they are left as they are.
   * @returns how many differed.
   */
  async run(hiveIsServed: boolean): Promise<number> {
    const { fleet, signals, settings } = this.#options;
    const running = new Map<string, ClusterIdentity>();
    for (const cluster of await signals.running()) running.set(idOf(cluster), cluster);
    let drift = 0;
    for (const known of Array.from(fleet.allClusters())) {
      if (!known.served || isReleased(known) || running.has(idOf(known))) continue;
      const cluster = identityOf(settings.hive, known);
      if (await this.#unlessRefused(cluster, () => this.#restart(cluster))) drift += 1;
    }
    for (const cluster of running.values()) {
      if (fleet.cluster(cluster)?.uid === cluster.uid || (cluster.kind === undefined && !hiveIsServed)) continue;
      if (await this.#unlessRefused(cluster, () => this.#endIfOver(cluster))) drift += 1;
    }
    return drift;
  }

  /** @returns whether there really was none; visibility is behind. */
  async #restart(cluster: ClusterIdentity): Promise<boolean> {
    const { signals, logger } = this.#options;
    if ((await signals.runningState(cluster)) !== undefined) return false;
    const object = await this.#find(cluster);
    const view = object === undefined ? undefined : this.#viewOf(cluster, object);
    if (view === undefined || (view.deleting && !view.finalizer)) return false;
    logger.warn({ cluster: keyOf(cluster) }, 'A cluster had no workflow; it gets one');
    return await tellInTurn(this.#options, cluster, COULD_NOT_BE_TOLD, () => signals.observed(view, true));
  }

  /** @returns whether there is nothing left to look after, and nobody had told its workflow. */
  async #endIfOver(cluster: ClusterIdentity): Promise<boolean> {
    const { signals, requests, logger } = this.#options;
    if (this.#toldToEnd.of(idOf(cluster), Date.now())) return false;
    const object = await this.#find(cluster);
    const { kind } = servedResource(cluster);
    if (object !== undefined) {
      const claimant = cluster.kind === undefined ? undefined : requests.claimant(observeRequest(object));
      if (claimant === undefined) return false;
      logger.warn(
        { request: keyOf(cluster), cluster: claimant },
        `A workflow runs for a ${kind} that stands alone no longer`,
      );
      return await this.#tellToEnd(cluster, () => signals.claimed(cluster, claimant));
    }
    const state = await signals.runningState(cluster);
    if (state === undefined || state === 'Decommissioning') return false;
    logger.warn({ cluster: keyOf(cluster) }, `A workflow runs for a ${kind} that is gone`);
    return await this.#tellToEnd(cluster, () => signals.gone(goneView(cluster)));
  }

  /** Exactly this one: another of its name is not it. */
  async #find(cluster: ClusterIdentity): Promise<KubernetesObject | undefined> {
    const { kubernetes, signal } = this.#options;
    const object = await kubernetes.get(servedResource(cluster), cluster, signal);
    return object?.metadata.uid === cluster.uid ? object : undefined;
  }

  #viewOf(cluster: ClusterIdentity, object: KubernetesObject): ClusterView | undefined {
    const { settings } = this.#options;
    if (cluster.kind === 'CertificateRequest') return standaloneView(settings.hive, observeRequest(object));
    const projected = projectClusterDeployment(object, settings);
    return projected.kind === 'cluster' ? projected.view : undefined;
  }

  async #tellToEnd(cluster: ClusterIdentity, tell: () => Promise<void>): Promise<boolean> {
    return await tellInTurn(this.#options, cluster, COULD_NOT_BE_TOLD, async () => {
      await tell();
      this.#toldToEnd.add(idOf(cluster), true, Date.now());
    });
  }

  async #unlessRefused(cluster: ClusterIdentity, compare: () => Promise<boolean>): Promise<boolean> {
    return (await unlessRefused(this.#options.logger, cluster, COULD_NOT_BE_LOOKED_UP, compare)) === true;
  }
}

function idOf(cluster: { readonly namespace: string; readonly name: string; readonly uid: string }): string {
  return `${cluster.namespace}/${cluster.name}/${cluster.uid}`;
}

function isReleased(known: KnownCluster): boolean {
  return known.gate === 'decommission' && !known.finalizer;
}
