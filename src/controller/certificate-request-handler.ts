/**
 * What is done about each CertificateRequest that the watch sees. One that stands alone is served in its own name, as a
 * cluster is; one that belongs to a ClusterDeployment wakes that cluster's workflow when somebody changed it.
 */

import { type CachedCluster, identityOf } from '../clusters/cached-cluster.ts';
import { sameView } from '../clusters/cluster-view.ts';
import { owningCluster } from '../clusters/owning-cluster.ts';
import type { KubernetesObject } from '../kubernetes/api/kubernetes-api.ts';
import { type ObservedRequest, observeRequest } from '../kubernetes/objects/observed-request.ts';
import { describeRequestChange, describeStatusChange } from '../kubernetes/objects/request-change.ts';
import { standaloneView } from '../kubernetes/objects/standalone-view.ts';
import { type ClusterWorkflowClient, SignalRejected } from './cluster-workflow-client.ts';
import { type ControllerCache, keyOf, type NamespacedName, type PrimaryName } from './controller-cache.ts';
import type { ControllerLogger, ControllerSettings } from './controller-dependencies.ts';
import type { DependencyHandler } from './dependency-handler.ts';
import type { KeyedWorkQueue } from './keyed-work-queue.ts';
import type { PrimaryReconciler } from './primary-reconciler.ts';

export interface CertificateRequestHandlerOptions {
  readonly settings: ControllerSettings;
  readonly fleet: ControllerCache;
  readonly served: PrimaryReconciler;
  readonly surroundings: Pick<DependencyHandler, 'signalClusters' | 'signalDrift'>;
  readonly signals: ClusterWorkflowClient;
  readonly work: KeyedWorkQueue;
  readonly logger: ControllerLogger;
}

export class CertificateRequestHandler {
  readonly #options: CertificateRequestHandlerOptions;

  constructor(options: CertificateRequestHandlerOptions) {
    this.#options = options;
  }

  /** Part of a list of what was dealt with before: remember it, tell nobody. */
  onListed(object: KubernetesObject): void {
    const { fleet, served } = this.#options;
    const request = observeRequest(object);
    fleet.setRequest(request);
    if (this.ownerOf(request) === undefined) served.restore(this.#standaloneView(request));
  }

  /** @returns whether it was dealt with. */
  async onUpsert(object: KubernetesObject): Promise<boolean> {
    const { fleet } = this.#options;
    const request = observeRequest(object);
    const remembered = fleet.getRequest(request);
    const previous = remembered?.uid === request.uid ? remembered : undefined;
    fleet.setRequest(request);
    const claimant = this.ownerOf(request);
    return claimant === undefined
      ? await this.#reconcileStandalone(previous, request)
      : await this.#reconcileOwned(claimant, previous, request);
  }

  async onDelete(object: KubernetesObject): Promise<boolean> {
    return await this.#handleDelete(observeRequest(object));
  }

  /** It no longer exists, and nobody saw it go. @returns whether it was dealt with. */
  async onMissedDelete(name: NamespacedName): Promise<boolean> {
    const request = this.#options.fleet.getRequest(name);
    return request === undefined
      ? await this.#options.served.reconcileDeleted(standaloneName(name))
      : await this.#handleDelete(request);
  }

  /** A list is complete. @param keys of those that exist. */
  async onSynced(keys: ReadonlySet<string>): Promise<boolean> {
    const vanished = [...this.#options.fleet.allRequests()].filter((request) => !keys.has(keyOf(request)));
    return (await Promise.all(vanished.map((request) => this.#handleDelete(request)))).every(Boolean);
  }

  /** The ClusterDeployments of a namespace have changed: who stands alone there may be another question now. */
  async onOwnersChanged(namespace: string): Promise<boolean> {
    const { fleet } = this.#options;
    const dealtWith = fleet.requestsIn(namespace).map(async (request) => {
      const claimant = this.ownerOf(request);
      const served = fleet.getCluster(standaloneName(request)) !== undefined;
      if (claimant === undefined)
        return served || (await this.#options.served.reconcile(this.#standaloneView(request)));
      return !served || (await this.#releaseStandalone(claimant, request));
    });
    return (await Promise.all(dealtWith)).every(Boolean);
  }

  /** The ClusterDeployment that the request belongs to, as things are known; undefined when it stands alone. */
  ownerOf(request: ObservedRequest): string | undefined {
    // Nearly all have their owner: for these the clusters of the namespace need not be gathered.
    return request.owner?.name ?? owningCluster(request, this.#options.fleet.ownersIn(request.namespace));
  }

  #standaloneView(request: ObservedRequest) {
    return standaloneView(this.#options.settings.managementCluster, request);
  }

  // --- one that stands alone ---

  async #reconcileStandalone(previous: ObservedRequest | undefined, request: ObservedRequest): Promise<boolean> {
    const { fleet, served, surroundings } = this.#options;
    const view = this.#standaloneView(request);
    const settled = await served.reconcile(view);
    // What its view does not tell, such as renewBeforeDays, is read by the workflow when it looks.
    const unseen =
      previous !== undefined &&
      previous.specDigest !== request.specDigest &&
      sameView(this.#standaloneView(previous), view);
    const known = fleet.getCluster(standaloneName(request));
    if (known === undefined || previous === undefined) return settled;
    const what = unseen
      ? `The spec of the CertificateRequest ${request.name} was changed by somebody.`
      : describeStatusChange(previous, request);
    return (what === undefined || (await surroundings.signalDrift([known], what, request.otherManager))) && settled;
  }

  /** Its workflow, where it has one, lets go of it; the cluster's own has it from now on. */
  async #releaseStandalone(claimant: string, request: ObservedRequest): Promise<boolean> {
    const { fleet, served, signals, settings, work, logger } = this.#options;
    const name = standaloneName(request);
    const known = fleet.getCluster(name);
    if (known === undefined) return true;
    // Made again under its old name, it is another one that is claimed; the old one is gone.
    if (known.uid !== request.uid) return await served.reconcileDeleted(name);
    return await work.add(keyOf(name), async () => {
      fleet.deleteCluster(name);
      if (!known.served) return;
      try {
        await signals.signalClaimed(identityOf(settings.managementCluster, known), claimant);
        logger.info({ request: keyOf(name), cluster: claimant }, 'A CertificateRequest stands alone no longer');
      } catch (error) {
        if (!(error instanceof SignalRejected)) throw error;
        logger.error({ request: keyOf(name), error: error.message }, 'A CertificateRequest could not be handed over');
      }
    });
  }

  // --- one that belongs to a cluster ---

  async #reconcileOwned(
    claimant: string,
    previous: ObservedRequest | undefined,
    request: ObservedRequest,
  ): Promise<boolean> {
    const handedOver = await this.#releaseStandalone(claimant, request);
    const what = previous === undefined ? undefined : describeRequestChange(previous, request);
    if (what === undefined) return handedOver;
    const { surroundings } = this.#options;
    return (
      (await surroundings.signalDrift(this.#clustersRequesting(request), what, request.otherManager)) && handedOver
    );
  }

  /**
   * The cluster that still wants this request: not one that is ending or has given the bundle up, for they delete it. By name:
   * whatever else is in it, its owner as well, may be what somebody changed.
   */
  #clustersRequesting(request: ObservedRequest): readonly CachedCluster[] {
    return this.#options.fleet
      .clustersIn(request.namespace)
      .filter(
        (cluster) =>
          cluster.kind === undefined &&
          (request.owner === undefined || cluster.uid === request.owner.uid) &&
          cluster.gate !== 'decommission' &&
          cluster.certificates.some(({ requestName }) => requestName === request.name),
      );
  }

  // --- one that is gone ---

  async #handleDelete(request: ObservedRequest): Promise<boolean> {
    const { fleet, served, surroundings } = this.#options;
    fleet.deleteRequest(request);
    const claimant = this.ownerOf(request);
    const ended =
      claimant === undefined
        ? await served.reconcileDeleted(standaloneName(request), this.#standaloneView(request))
        : await this.#releaseStandalone(claimant, request);
    const what = `The CertificateRequest ${request.name} was deleted.`;
    const told = await surroundings.signalClusters(
      [...this.#clustersRequesting(request), ...this.#standaloneWithSameSecret(request)],
      what,
    );
    return ended && told;
  }

  /** Those that were refused its Secret while it was there. */
  #standaloneWithSameSecret({ namespace, name, secretName }: ObservedRequest): readonly CachedCluster[] {
    return this.#options.fleet
      .clustersIn(namespace)
      .filter(
        (cluster) =>
          cluster.kind === 'CertificateRequest' &&
          cluster.name !== name &&
          cluster.certificates.some((one) => one.secretName === secretName),
      );
  }
}

/** A request by its name, as what is served. */
function standaloneName({ namespace, name }: NamespacedName): PrimaryName {
  return { kind: 'CertificateRequest', namespace, name };
}
