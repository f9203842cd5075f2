import { LRUCache } from 'lru-cache';
import { type CachedCluster, toCachedCluster } from '../clusters/cached-cluster.ts';
import { type ClusterIdentity, identityOf } from '../clusters/cluster-identity.ts';
import { type ClusterView, clusterDigest, deletedClusterView } from '../clusters/cluster-view.ts';
import { requestClaimed } from '../contract/cluster-certificates.ts';
import type { KubernetesObject } from '../kubernetes/api/kubernetes-api.ts';
import { projectClusterDeployment } from '../kubernetes/objects/cluster-deployment.ts';
import { type ObservedRequest, observeRequest } from '../kubernetes/objects/observed-request.ts';
import { primaryResource } from '../kubernetes/objects/primary-object.ts';
import { clusterViewOfOrphans, standaloneView } from '../kubernetes/objects/request-views.ts';
import { CERTIFICATE_REQUESTS } from '../kubernetes/objects/resources.ts';
import type { RunningCluster } from './cluster-workflow-client.ts';
import type { ControllerContext } from './controller-context.ts';
import { keyOf } from './namespaced-name.ts';

/** A workflow that still runs by then and is not decommissioning is signalled again. */
const END_SIGNAL_TTL_MS = 3_600_000;

/** Several intervals of the resync. */
const REPEATED_SIGNAL_TTL_MS = 24 * 3_600_000;

type WorkflowResyncContext = Pick<
  ControllerContext,
  'settings' | 'kubernetes' | 'cache' | 'workflows' | 'signaller' | 'logger'
>;

/** Starts workflows that are missing, and signals those that observed another view, or whose object is gone. */
export class WorkflowResync {
  readonly #context: WorkflowResyncContext;
  /** By uid. */
  readonly #recentEndSignals = new LRUCache<string, true>({ ttl: END_SIGNAL_TTL_MS, ttlAutopurge: true });

  /** Digest of the view that a workflow was signalled again last, by uid. */
  readonly #repeated = new LRUCache<string, string>({ ttl: REPEATED_SIGNAL_TTL_MS, ttlAutopurge: true });

  constructor(context: WorkflowResyncContext) {
    this.#context = context;
  }

  /** @param hiveInstalled if not, nothing shows which ClusterDeployments are gone. @returns number of differences. */
  async run(hiveInstalled: boolean): Promise<number> {
    const { cache, workflows, settings } = this.#context;
    const { namespaces } = settings;
    const running = await workflows.listRunning();
    let differences = 0;
    for (const cached of Array.from(cache.allClusters())) {
      if (cached.kind === undefined && !hiveInstalled) continue;
      const workflow = running.get(cached.uid);
      if (workflow !== undefined) this.#markServed(cached);
      if ((workflow === undefined && !cached.served) || isReleased(cached) || hasObserved(workflow, cached)) continue;
      const cluster = identityOf(settings.managementCluster, cached);
      differences += await this.#count(cluster, () =>
        workflow === undefined ? this.#startIfMissing(cluster) : this.#signalIfUnseen(cluster),
      );
    }
    for (const cluster of running.values()) {
      // Of a namespace that is not watched (any more), nothing shows whether an object is gone.
      if (namespaces !== undefined && !namespaces.includes(cluster.namespace)) continue;
      if (cache.getCluster(cluster)?.uid === cluster.uid || (cluster.kind === undefined && !hiveInstalled)) continue;
      differences += await this.#count(cluster, () => this.#endIfObjectGone(cluster));
    }
    return differences;
  }

  /** For requests whose ClusterDeployment is gone and that no workflow decommissions. @returns number of clusters. */
  async runOrphans(requests: readonly ObservedRequest[]): Promise<number> {
    const { cache, settings } = this.#context;
    const orphans = new Map<string, ObservedRequest[]>();
    for (const request of requests) {
      const { owner, namespace } = request;
      if (owner === undefined || cache.getCluster({ namespace, name: owner.name })?.uid === owner.uid) continue;
      const id = `${namespace}/${owner.name}/${owner.uid}`;
      orphans.set(id, [...(orphans.get(id) ?? []), request]);
    }
    let differences = 0;
    for (const siblings of orphans.values()) {
      const view = clusterViewOfOrphans(settings.managementCluster, siblings);
      if (view === undefined) continue;
      differences += await this.#count(view.identity, () => this.#decommissionOrphans(view.identity, siblings));
    }
    return differences;
  }

  /** After a takeover, nothing else shows that one has a workflow whose gate was closed before it got the finalizer. */
  #markServed(cluster: CachedCluster): void {
    const { cache } = this.#context;
    const cached = cache.getCluster(cluster);
    if (cached?.uid === cluster.uid && !cached.served) cache.setServed(cached);
  }

  /** @returns 1 if there was a difference and Temporal took the signal. */
  async #count(cluster: ClusterIdentity, resync: () => Promise<boolean>): Promise<number> {
    return (await this.#context.signaller.unlessRejected(cluster, resync)) === true ? 1 : 0;
  }

  /** @returns whether the workflow was missing; the list of running ones may be behind. */
  async #startIfMissing(cluster: ClusterIdentity): Promise<boolean> {
    const { workflows, signaller, logger } = this.#context;
    if ((await workflows.describe(cluster)) !== undefined) return false;
    const object = await this.#find(cluster);
    const view = object && this.#viewOf(cluster, object);
    if (view === undefined || (view.deleting && !view.finalizer)) return false;
    logger.warn({ cluster: keyOf(cluster) }, 'A cluster has no workflow; it is started');
    return await signaller.inOrder(cluster, () => workflows.signalObserved(view, true));
  }

  /** @returns whether the workflow had observed another view, and was signalled; the list may be behind. */
  async #signalIfUnseen(cluster: ClusterIdentity): Promise<boolean> {
    const { cache, workflows, signaller, logger } = this.#context;
    const workflow = await workflows.describe(cluster);
    // One with a task to process has not observed yet what it was signalled; the next resync compares again.
    if (workflow === undefined || workflow.busy) return false;
    const object = await this.#find(cluster);
    const view = object && this.#viewOf(cluster, object);
    if (view === undefined || (view.deleting && !view.finalizer)) return false;
    const digest = clusterDigest(view);
    if (digest === workflow.viewDigest) return false;
    // Signalled before and not observed, it counts as older: an API server restored from a backup counts from there.
    const isRepeated = this.#repeated.get(cluster.uid) === digest;
    logger.warn({ cluster: keyOf(cluster) }, 'A workflow has not observed the present state; it is signalled again');
    return await signaller.inOrder(cluster, async () => {
      await workflows.signalObserved(isRepeated ? { ...view, resourceVersion: undefined } : view);
      this.#repeated.set(cluster.uid, digest);
      const cached = cache.getCluster(cluster);
      if (cached?.uid === cluster.uid && cached.digest === undefined) cache.setCluster(toCachedCluster(cached, view));
    });
  }

  /** @returns whether a workflow runs that has nothing left to serve, and was not signalled so. */
  async #endIfObjectGone(cluster: ClusterIdentity): Promise<boolean> {
    const { cache, workflows, logger } = this.#context;
    if (this.#recentEndSignals.has(cluster.uid)) return false;
    const object = await this.#find(cluster);
    const { kind } = primaryResource(cluster);
    if (object !== undefined) {
      const request = observeRequest(object);
      const owner = cluster.kind && cache.ownerOf(request);
      if (owner === undefined) return false;
      logger.warn({ request: keyOf(cluster), cluster: owner }, `A workflow runs for a ${kind} that is not standalone`);
      return await this.#signalEnd(cluster, () =>
        workflows.signal(cluster, requestClaimed, cache.claimBy(owner, request)),
      );
    }
    const workflow = await workflows.describe(cluster);
    if (workflow === undefined || workflow.state === 'Decommissioning') return false;
    logger.warn({ cluster: keyOf(cluster) }, `A workflow runs for a ${kind} that is gone`);
    return await this.#signalEnd(cluster, () => workflows.signalGone(deletedClusterView(cluster)));
  }

  async #signalEnd(cluster: ClusterIdentity, signal: () => Promise<void>): Promise<boolean> {
    return await this.#context.signaller.inOrder(cluster, async () => {
      await signal();
      this.#recentEndSignals.set(cluster.uid, true);
    });
  }

  async #decommissionOrphans(cluster: ClusterIdentity, requests: readonly ObservedRequest[]): Promise<boolean> {
    const { settings, workflows, signaller, logger } = this.#context;
    if ((await this.#find(cluster)) !== undefined || (await workflows.describe(cluster)) !== undefined) return false;
    // Read last: a workflow that has completed since the requests were listed has deleted them.
    const left = await this.#stillThere(requests);
    const view = clusterViewOfOrphans(settings.managementCluster, left);
    if (view === undefined) return false;
    logger.warn({ cluster: keyOf(cluster), requests: left.length }, 'CertificateRequests are orphaned');
    return await signaller.inOrder(cluster, () => workflows.signalGone(view, true));
  }

  async #stillThere(requests: readonly ObservedRequest[]): Promise<readonly ObservedRequest[]> {
    const left: ObservedRequest[] = [];
    for (const request of requests) {
      const object = await this.#context.kubernetes.get(CERTIFICATE_REQUESTS, request);
      if (object?.metadata.uid === request.uid) left.push(request);
    }
    return left;
  }

  /** @returns the object of this uid, not another one of its name. */
  async #find(cluster: ClusterIdentity): Promise<KubernetesObject | undefined> {
    const object = await this.#context.kubernetes.get(primaryResource(cluster), cluster);
    return object?.metadata.uid === cluster.uid ? object : undefined;
  }

  #viewOf({ kind }: ClusterIdentity, object: KubernetesObject): ClusterView | undefined {
    const { settings } = this.#context;
    if (kind === 'CertificateRequest') return standaloneView(settings, observeRequest(object));
    const projected = projectClusterDeployment(object, settings);
    return projected.kind === 'cluster' ? projected.view : undefined;
  }
}

/** One that was started by hand does not say. */
function hasObserved(workflow: RunningCluster | undefined, { digest }: CachedCluster): boolean {
  return workflow !== undefined && (workflow.viewDigest === undefined || workflow.viewDigest === digest);
}

function isReleased({ gate, finalizer }: CachedCluster): boolean {
  return gate === 'decommission' && !finalizer;
}
