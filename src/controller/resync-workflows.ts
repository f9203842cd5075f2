/** What should have a workflow against what has one: one that is missing is started, one whose object is gone is told so. */

import { type CachedCluster, identityOf } from '../clusters/cached-cluster.ts';
import { type ClusterIdentity, type ClusterView, deletedClusterView } from '../clusters/cluster-view.ts';
import type { KubernetesApi, KubernetesObject } from '../kubernetes/api/kubernetes-api.ts';
import { projectClusterDeployment } from '../kubernetes/objects/cluster-deployment.ts';
import { observeRequest } from '../kubernetes/objects/observed-request.ts';
import { primaryResource } from '../kubernetes/objects/primary-resource.ts';
import { standaloneView } from '../kubernetes/objects/standalone-view.ts';
import type { CertificateRequestHandler } from './certificate-request-handler.ts';
import type { ClusterWorkflowClient } from './cluster-workflow-client.ts';
import { type ControllerCache, keyOf } from './controller-cache.ts';
import type { ControllerLogger, ControllerSettings } from './controller-dependencies.ts';
import type { KeyedWorkQueue } from './keyed-work-queue.ts';
import { RecentSignals } from './recent-signals.ts';
import { type RejectionLog, signalInOrder, unlessRejected } from './signal-in-order.ts';

export const SIGNAL_REJECTED: RejectionLog = { message: 'A cluster could not be told' };
export const LOOKUP_REJECTED: RejectionLog = { message: 'The workflow of a cluster could not be looked up' };

/** A workflow that still runs by then, and is not seen to end, is told again. */
const END_SIGNAL_TTL_MS = 3_600_000;

export interface WorkflowResyncOptions {
  readonly kubernetes: KubernetesApi;
  readonly settings: ControllerSettings;
  readonly fleet: ControllerCache;
  readonly requests: Pick<CertificateRequestHandler, 'ownerOf'>;
  readonly signals: Pick<
    ClusterWorkflowClient,
    'listRunning' | 'describeState' | 'signalObserved' | 'signalClaimed' | 'signalGone'
  >;
  readonly work: KeyedWorkQueue;
  readonly logger: ControllerLogger;
  readonly signal: AbortSignal;
}

export class WorkflowResync {
  readonly #options: WorkflowResyncOptions;
  /** Workflows that were told here that there is nothing left for them to look after: they end when they can. */
  readonly #recentEndSignals = new RecentSignals<true>(END_SIGNAL_TTL_MS);

  constructor(options: WorkflowResyncOptions) {
    this.#options = options;
  }

  /**
   * @param hiveIsServed without it, nothing can be said about workflows of ClusterDeployments: they are left as they are.
   * @returns how many differed.
   */
  async run(hiveIsServed: boolean): Promise<number> {
    const { fleet, signals, settings } = this.#options;
    const running = new Map<string, ClusterIdentity>();
    for (const cluster of await signals.listRunning()) running.set(objectIdOf(cluster), cluster);
    let drift = 0;
    for (const known of Array.from(fleet.allClusters())) {
      if (!known.served || isReleased(known) || running.has(objectIdOf(known))) continue;
      const cluster = identityOf(settings.managementCluster, known);
      if (await this.#unlessRejected(cluster, () => this.#startIfMissing(cluster))) drift += 1;
    }
    for (const cluster of running.values()) {
      if (fleet.getCluster(cluster)?.uid === cluster.uid || (cluster.kind === undefined && !hiveIsServed)) continue;
      if (await this.#unlessRejected(cluster, () => this.#endIfObjectGone(cluster))) drift += 1;
    }
    return drift;
  }

  /** @returns whether there really was none; visibility is behind. */
  async #startIfMissing(cluster: ClusterIdentity): Promise<boolean> {
    const { signals, logger } = this.#options;
    if ((await signals.describeState(cluster)) !== undefined) return false;
    const object = await this.#find(cluster);
    const view = object === undefined ? undefined : this.#viewOf(cluster, object);
    if (view === undefined || (view.deleting && !view.finalizer)) return false;
    logger.warn({ cluster: keyOf(cluster) }, 'A cluster had no workflow; it gets one');
    return await signalInOrder(this.#options, cluster, SIGNAL_REJECTED, () => signals.signalObserved(view, true));
  }

  /** @returns whether there is nothing left to look after, and nobody had told its workflow. */
  async #endIfObjectGone(cluster: ClusterIdentity): Promise<boolean> {
    const { signals, requests, logger } = this.#options;
    if (this.#recentEndSignals.get(objectIdOf(cluster), Date.now())) return false;
    const object = await this.#find(cluster);
    const { kind } = primaryResource(cluster);
    if (object !== undefined) {
      const claimant = cluster.kind === undefined ? undefined : requests.ownerOf(observeRequest(object));
      if (claimant === undefined) return false;
      logger.warn(
        { request: keyOf(cluster), cluster: claimant },
        `A workflow runs for a ${kind} that stands alone no longer`,
      );
      return await this.#signalEnd(cluster, () => signals.signalClaimed(cluster, claimant));
    }
    const state = await signals.describeState(cluster);
    if (state === undefined || state === 'Decommissioning') return false;
    logger.warn({ cluster: keyOf(cluster) }, `A workflow runs for a ${kind} that is gone`);
    return await this.#signalEnd(cluster, () => signals.signalGone(deletedClusterView(cluster)));
  }

  /** Exactly this one: another of its name is not it. */
  async #find(cluster: ClusterIdentity): Promise<KubernetesObject | undefined> {
    const { kubernetes, signal } = this.#options;
    const object = await kubernetes.get(primaryResource(cluster), cluster, signal);
    return object?.metadata.uid === cluster.uid ? object : undefined;
  }

  #viewOf(cluster: ClusterIdentity, object: KubernetesObject): ClusterView | undefined {
    const { settings } = this.#options;
    if (cluster.kind === 'CertificateRequest')
      return standaloneView(settings.managementCluster, observeRequest(object));
    const projected = projectClusterDeployment(object, settings);
    return projected.kind === 'cluster' ? projected.view : undefined;
  }

  async #signalEnd(cluster: ClusterIdentity, tell: () => Promise<void>): Promise<boolean> {
    return await signalInOrder(this.#options, cluster, SIGNAL_REJECTED, async () => {
      await tell();
      this.#recentEndSignals.add(objectIdOf(cluster), true, Date.now());
    });
  }

  async #unlessRejected(cluster: ClusterIdentity, compare: () => Promise<boolean>): Promise<boolean> {
    return (await unlessRejected(this.#options.logger, cluster, LOOKUP_REJECTED, compare)) === true;
  }
}

function objectIdOf(cluster: { readonly namespace: string; readonly name: string; readonly uid: string }): string {
  return `${cluster.namespace}/${cluster.name}/${cluster.uid}`;
}

function isReleased(known: CachedCluster): boolean {
  return known.gate === 'decommission' && !known.finalizer;
}
