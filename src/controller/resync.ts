/**
 * The safety net under the watch: the whole picture, from paged lists, against what was signalled and what runs. Only what
 * differs is looked at again, each at its source, and only then told. In a fleet at rest nothing is told.
 */
import { type ClusterIdentity, type ClusterView, clusterDigest } from '../clusters/cluster-view.ts';
import { CertmanError } from '../failures/failure.ts';
import { type ResourceType } from '../kubernetes/api/kubernetes-api.ts';
import { projectClusterDeployment } from '../kubernetes/objects/cluster-deployment.ts';
import { listCertificateRequests } from '../kubernetes/objects/list-certificate-requests.ts';
import { clusterViewOfOrphans, type ObservedRequest } from '../kubernetes/objects/observed-request.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS } from '../kubernetes/objects/resources.ts';
import { standaloneView } from '../kubernetes/objects/standalone-view.ts';
import type { CertificateRequestHandler } from './certificate-request-handler.ts';
import type { ClusterDeploymentHandler } from './cluster-deployment-handler.ts';
import type { ClusterWorkflowClient } from './cluster-workflow-client.ts';
import { keyOf, type NamespacedName } from './controller-cache.ts';
import type { KeyedWorkQueue } from './keyed-work-queue.ts';
import { OwnedObjectsResync, type OwnedObjectsResyncOptions } from './resync-owned-objects.ts';
import { LOOKUP_REJECTED, SIGNAL_REJECTED, WorkflowResync } from './resync-workflows.ts';
import { signalInOrder, unlessRejected } from './signal-in-order.ts';

export interface ResyncOptions extends OwnedObjectsResyncOptions {
  readonly clusters: ClusterDeploymentHandler;
  readonly requests: CertificateRequestHandler;
  readonly signals: ClusterWorkflowClient;
  readonly work: KeyedWorkQueue;
}

export class Resync {
  readonly #options: ResyncOptions;
  readonly #workflows: WorkflowResync;
  readonly #ownedObjects: OwnedObjectsResync;

  constructor(options: ResyncOptions) {
    this.#options = options;
    this.#workflows = new WorkflowResync(options);
    this.#ownedObjects = new OwnedObjectsResync(options);
  }

  /** @returns how much differed, by kind of difference. @throws CertmanError when the API server or Temporal cannot be asked. */
  async run(): Promise<Readonly<Record<string, number>>> {
    const { kubernetes, fleet, signal } = this.#options;
    const began = performance.now();
    const clusters = await this.#resyncClusters();
    const hiveIsServed = clusters !== undefined;
    const requests = await listCertificateRequests(kubernetes, { signal });
    const drift = {
      clusters: clusters ?? 0,
      standalone: await this.#resyncStandalone(requests),
      workflows: await this.#workflows.run(hiveIsServed),
      // Whether a ClusterDeployment is gone cannot be seen where there are none to be seen.
      orphans: hiveIsServed ? await this.#resyncOrphans(requests) : 0,
      belongings: await this.#ownedObjects.run(requests),
    };
    signal.throwIfAborted();
    const ms = Math.round(performance.now() - began);
    this.#options.logger.info(
      { ms, clusters: [...fleet.allClusters()].length, drift },
      'The whole picture was compared',
    );
    return drift;
  }

  /** ClusterDeployments as listed against what was last dealt with. @returns undefined when the API server knows none. */
  async #resyncClusters(): Promise<number | undefined> {
    const { kubernetes, settings, fleet, clusters, signal } = this.#options;
    const seen = new Set<string>();
    const suspects = new Map<string, NamespacedName>();
    try {
      for await (const object of kubernetes.list(CLUSTER_DEPLOYMENTS, { signal })) {
        const name = { namespace: object.metadata.namespace ?? '', name: object.metadata.name };
        seen.add(keyOf(name));
        const projected = projectClusterDeployment(object, settings);
        if (projected.kind === 'malformed') continue;
        const known = fleet.getCluster(name);
        const { view } = projected;
        if (known?.uid !== view.identity.uid || known.digest !== clusterDigest(view)) suspects.set(keyOf(name), name);
      }
    } catch (error) {
      if (error instanceof CertmanError && error.code === 'kubernetes/notFound') return undefined;
      throw error;
    }
    for (const known of fleet.allDeployments()) if (!seen.has(keyOf(known))) suspects.set(keyOf(known), known);
    for (const name of suspects.values()) await this.#reconcileCurrent(CLUSTER_DEPLOYMENTS, name, clusters);
    return suspects.size;
  }

  /** CertificateRequests that stand alone as listed against what was last dealt with; and whether they still do. */
  async #resyncStandalone(listed: readonly ObservedRequest[]): Promise<number> {
    const { settings, fleet, requests } = this.#options;
    const suspects = new Map<string, NamespacedName>();
    const seen = new Set<string>();
    for (const request of listed) {
      seen.add(keyOf(request));
      const known = fleet.getCluster({ kind: 'CertificateRequest', namespace: request.namespace, name: request.name });
      const view =
        requests.ownerOf(request) === undefined ? standaloneView(settings.managementCluster, request) : undefined;
      const digest = view === undefined ? undefined : clusterDigest(view);
      if (known?.digest !== digest || known?.uid !== view?.identity.uid) suspects.set(keyOf(request), request);
    }
    for (const known of fleet.allStandalone()) if (!seen.has(keyOf(known))) suspects.set(keyOf(known), known);
    for (const name of suspects.values()) await this.#reconcileCurrent(CERTIFICATE_REQUESTS, name, requests);
    return suspects.size;
  }

  /** The list may be behind the watch: what counts is the object itself, and whether the watch has dealt with that. */
  async #reconcileCurrent(
    resource: ResourceType,
    { namespace, name }: NamespacedName,
    watch: Pick<ClusterDeploymentHandler, 'onUpsert' | 'onMissedDelete'>,
  ): Promise<void> {
    const object = await this.#options.kubernetes.get(resource, { namespace, name }, this.#options.signal);
    if (object === undefined) await watch.onMissedDelete({ namespace, name });
    else await watch.onUpsert(object);
  }

  async #isGone(cluster: ClusterIdentity): Promise<boolean> {
    const { kubernetes, signal } = this.#options;
    const object = await kubernetes.get(CLUSTER_DEPLOYMENTS, cluster, signal);
    return object?.metadata.uid !== cluster.uid;
  }

  /** CertificateRequests whose ClusterDeployment is gone and that no workflow is clearing away. */
  async #resyncOrphans(requests: readonly ObservedRequest[]): Promise<number> {
    const { fleet, settings, logger } = this.#options;
    const orphans = new Map<string, ObservedRequest[]>();
    for (const request of requests) {
      const { owner, namespace } = request;
      if (owner === undefined || fleet.getCluster({ namespace, name: owner.name })?.uid === owner.uid) continue;
      const id = `${namespace}/${owner.name}/${owner.uid}`;
      orphans.set(id, [...(orphans.get(id) ?? []), request]);
    }
    let drift = 0;
    for (const siblings of orphans.values()) {
      const view = clusterViewOfOrphans(settings.managementCluster, siblings);
      if (view === undefined || !(await this.#isGone(view.identity))) continue;
      const clear = () => this.#signalOrphans(view, siblings.length);
      if (await unlessRejected(logger, view.identity, LOOKUP_REJECTED, clear)) drift += 1;
    }
    return drift;
  }

  /** @returns whether nobody was at it. */
  async #signalOrphans(view: ClusterView, requests: number): Promise<boolean> {
    const { signals, logger } = this.#options;
    const { identity } = view;
    if ((await signals.describeState(identity)) !== undefined) return false;
    logger.warn({ cluster: keyOf(identity), requests }, 'CertificateRequests were left behind');
    return await signalInOrder(this.#options, identity, SIGNAL_REJECTED, () => signals.signalGone(view, true));
  }
}
