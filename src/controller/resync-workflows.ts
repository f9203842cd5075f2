import { LRUCache } from 'lru-cache';
import { type CachedCluster, type ClusterRef, identityOf } from '../clusters/cached-cluster.ts';
import { type ClusterIdentity, type ClusterView, deletedClusterView } from '../clusters/cluster-view.ts';
import { requestClaimed } from '../contract/cluster-certificates.ts';
import type { KubernetesObject } from '../kubernetes/api/kubernetes-api.ts';
import { projectClusterDeployment } from '../kubernetes/objects/cluster-deployment.ts';
import { observeRequest } from '../kubernetes/objects/observed-request.ts';
import { primaryResource } from '../kubernetes/objects/primary-object.ts';
import { standaloneView } from '../kubernetes/objects/request-views.ts';
import type { CertificateRequestHandler } from './certificate-request-handler.ts';
import { keyOf } from './controller-cache.ts';
import type { ControllerContext } from './controller-context.ts';

/** A workflow that still runs by then and is not decommissioning is signalled again. */
const END_SIGNAL_TTL_MS = 3_600_000;

type WorkflowResyncContext = Pick<
  ControllerContext,
  'settings' | 'kubernetes' | 'cache' | 'workflows' | 'signaller' | 'logger' | 'signal'
>;

/** Starts workflows that are missing, and signals those whose object is gone. */
export class WorkflowResync {
  readonly #context: WorkflowResyncContext;
  readonly #requests: Pick<CertificateRequestHandler, 'ownerOf'>;
  readonly #recentEndSignals = new LRUCache<string, true>({ ttl: END_SIGNAL_TTL_MS, ttlAutopurge: true });

  constructor(context: WorkflowResyncContext, requests: Pick<CertificateRequestHandler, 'ownerOf'>) {
    this.#context = context;
    this.#requests = requests;
  }

  /** @param hiveInstalled if not, nothing shows which ClusterDeployments are gone. @returns number of differences. */
  async run(hiveInstalled: boolean): Promise<number> {
    const { cache, workflows, signaller, settings } = this.#context;
    const running = new Map((await workflows.listRunning()).map((cluster) => [objectIdOf(cluster), cluster]));
    let differences = 0;
    for (const cached of Array.from(cache.allClusters())) {
      if (!cached.served || isReleased(cached) || running.has(objectIdOf(cached))) continue;
      const cluster = identityOf(settings.managementCluster, cached);
      if (await signaller.unlessRejected(cluster, () => this.#startIfMissing(cluster))) differences += 1;
    }
    for (const cluster of running.values()) {
      if (cache.getCluster(cluster)?.uid === cluster.uid || (cluster.kind === undefined && !hiveInstalled)) continue;
      if (await signaller.unlessRejected(cluster, () => this.#endIfObjectGone(cluster))) differences += 1;
    }
    return differences;
  }

  /** @returns whether the workflow was missing; the list of running ones may be behind. */
  async #startIfMissing(cluster: ClusterIdentity): Promise<boolean> {
    const { workflows, logger } = this.#context;
    if ((await workflows.describeState(cluster)) !== undefined) return false;
    const object = await this.#find(cluster);
    const view = object && this.#viewOf(cluster, object);
    if (view === undefined || (view.deleting && !view.finalizer)) return false;
    logger.warn({ cluster: keyOf(cluster) }, 'A cluster has no workflow; it is started');
    await this.#context.signaller.inOrder(cluster, () => workflows.signalObserved(view, true));
    return true;
  }

  /** @returns whether a workflow runs that has nothing left to serve, and was not signalled so. */
  async #endIfObjectGone(cluster: ClusterIdentity): Promise<boolean> {
    const { workflows, logger } = this.#context;
    if (this.#recentEndSignals.has(objectIdOf(cluster))) return false;
    const object = await this.#find(cluster);
    const { kind } = primaryResource(cluster);
    if (object !== undefined) {
      const owner = cluster.kind === undefined ? undefined : this.#requests.ownerOf(observeRequest(object));
      if (owner === undefined) return false;
      logger.warn({ request: keyOf(cluster), cluster: owner }, `A workflow runs for a ${kind} that is not standalone`);
      await this.#signalEnd(cluster, () => workflows.signal(cluster, requestClaimed, { clusterDeployment: owner }));
      return true;
    }
    const state = await workflows.describeState(cluster);
    if (state === undefined || state === 'Decommissioning') return false;
    logger.warn({ cluster: keyOf(cluster) }, `A workflow runs for a ${kind} that is gone`);
    await this.#signalEnd(cluster, () => workflows.signalGone(deletedClusterView(cluster)));
    return true;
  }

  async #signalEnd(cluster: ClusterIdentity, signal: () => Promise<void>): Promise<void> {
    await this.#context.signaller.inOrder(cluster, async () => {
      await signal();
      this.#recentEndSignals.set(objectIdOf(cluster), true);
    });
  }

  /** @returns the object of this uid, not another one of its name. */
  async #find(cluster: ClusterIdentity): Promise<KubernetesObject | undefined> {
    const { kubernetes, signal } = this.#context;
    const object = await kubernetes.get(primaryResource(cluster), cluster, signal);
    return object?.metadata.uid === cluster.uid ? object : undefined;
  }

  #viewOf({ kind }: ClusterIdentity, object: KubernetesObject): ClusterView | undefined {
    const { settings } = this.#context;
    if (kind === 'CertificateRequest') return standaloneView(settings.managementCluster, observeRequest(object));
    const projected = projectClusterDeployment(object, settings);
    return projected.kind === 'cluster' ? projected.view : undefined;
  }
}

function objectIdOf(cluster: ClusterRef): string {
  return `${keyOf(cluster)}/${cluster.uid}`;
}

function isReleased({ gate, finalizer }: CachedCluster): boolean {
  return gate === 'decommission' && !finalizer;
}
