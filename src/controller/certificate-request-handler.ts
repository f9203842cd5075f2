import type { CachedCluster } from '../clusters/cached-cluster.ts';
import { sameView } from '../clusters/cluster-view.ts';
import { requestClaimed } from '../contract/cluster-certificates.ts';
import type { KubernetesObject } from '../kubernetes/api/kubernetes-api.ts';
import { type ObservedRequest, observeRequest } from '../kubernetes/objects/observed-request.ts';
import { describeRequestChange, describeStatusChange } from '../kubernetes/objects/request-change.ts';
import { standaloneView } from '../kubernetes/objects/request-views.ts';
import { keyOf, type NamespacedName, type PrimaryName } from './controller-cache.ts';
import type { ControllerContext } from './controller-context.ts';
import type { PrimaryEventHandler, PrimaryReconciler } from './primary-reconciler.ts';

/** Reconciles standalone CertificateRequests like clusters, and signals changes to the others to their cluster. */
export class CertificateRequestHandler implements PrimaryEventHandler {
  readonly #context: ControllerContext;
  readonly #reconciler: PrimaryReconciler;

  constructor(context: ControllerContext, reconciler: PrimaryReconciler) {
    this.#context = context;
    this.#reconciler = reconciler;
  }

  onListed(object: KubernetesObject): void {
    const { cache } = this.#context;
    const request = observeRequest(object);
    cache.requests.set(request);
    if (cache.ownerOf(request) === undefined) this.#reconciler.restore(this.#standaloneView(request));
  }

  async onUpsert(object: KubernetesObject): Promise<void> {
    const { cache } = this.#context;
    const request = observeRequest(object);
    const cached = cache.requests.get(request);
    const previous = cached?.uid === request.uid ? cached : undefined;
    cache.requests.set(request);
    const owner = cache.ownerOf(request);
    if (owner === undefined) await this.#reconcileStandalone(previous, request);
    else await this.#reconcileOwned(owner, previous, request);
  }

  async onDelete(object: KubernetesObject): Promise<void> {
    await this.#handleDelete(observeRequest(object));
  }

  async onMissedDelete(name: NamespacedName): Promise<void> {
    const request = this.#context.cache.requests.get(name);
    if (request === undefined) await this.#reconciler.reconcileDeleted(standaloneName(name));
    else await this.#handleDelete(request);
  }

  async onSynced(keys: ReadonlySet<string>): Promise<void> {
    const deleted = [...this.#context.cache.requests.all()].filter((request) => !keys.has(keyOf(request)));
    await Promise.all(deleted.map((request) => this.#handleDelete(request)));
  }

  /** Re-evaluates which requests of a namespace are standalone. */
  async onOwnersChanged(namespace: string): Promise<void> {
    const { cache } = this.#context;
    await Promise.all(
      [...cache.requests.in(namespace)].map(async (request) => {
        const owner = cache.ownerOf(request);
        const isReconciled = cache.getCluster(standaloneName(request)) !== undefined;
        if (owner === undefined && !isReconciled) await this.#reconciler.reconcile(this.#standaloneView(request));
        if (owner !== undefined && isReconciled) await this.#releaseStandalone(owner, request);
      }),
    );
  }

  #standaloneView(request: ObservedRequest) {
    return standaloneView(this.#context.settings.managementCluster, request);
  }

  async #reconcileStandalone(previous: ObservedRequest | undefined, request: ObservedRequest): Promise<void> {
    const view = this.#standaloneView(request);
    await this.#reconciler.reconcile(view);
    const cached = this.#context.cache.getCluster(standaloneName(request));
    if (cached === undefined || previous === undefined) return;
    // The view lacks fields such as renewBeforeDays, which the workflow reads when it evaluates.
    const specChanged = previous.specDigest !== request.specDigest && sameView(this.#standaloneView(previous), view);
    const what = specChanged
      ? `The spec of the CertificateRequest ${request.name} was changed by another field manager.`
      : describeStatusChange(previous, request);
    if (what !== undefined) await this.#context.signaller.drifted([cached], what, request.otherManager);
  }

  /** Ends the standalone workflow of a request, if one runs: the workflow of its cluster takes over. */
  async #releaseStandalone(owner: string, request: ObservedRequest): Promise<void> {
    const { cache, workflows, logger } = this.#context;
    const name = standaloneName(request);
    const cached = cache.getCluster(name);
    if (cached === undefined) return;
    // The cached one is a deleted predecessor of the same name.
    if (cached.uid !== request.uid) return await this.#reconciler.reconcileDeleted(name);
    await this.#context.signaller.inOrder(name, async () => {
      cache.deleteCluster(name);
      if (!cached.served) return;
      await workflows.signal(cached, requestClaimed, { clusterDeployment: owner });
      logger.info({ request: keyOf(name), cluster: owner }, 'A CertificateRequest is no longer standalone');
    });
  }

  async #reconcileOwned(owner: string, previous: ObservedRequest | undefined, request: ObservedRequest): Promise<void> {
    await this.#releaseStandalone(owner, request);
    const what = previous && describeRequestChange(previous, request);
    if (what !== undefined) await this.#context.signaller.drifted(this.#usersOf(request), what, request.otherManager);
  }

  async #handleDelete(request: ObservedRequest): Promise<void> {
    const { cache, signaller } = this.#context;
    cache.requests.delete(request);
    const owner = cache.ownerOf(request);
    if (owner === undefined) {
      await this.#reconciler.reconcileDeleted(standaloneName(request), this.#standaloneView(request));
    } else await this.#releaseStandalone(owner, request);
    const affected = [...this.#usersOf(request), ...this.#standaloneWithSameSecret(request)];
    await signaller.dependencyChanged(affected, `The CertificateRequest ${request.name} was deleted.`);
  }

  /** Matched by name: other managers may have changed the owner. A decommissioned cluster deletes the request. */
  #usersOf(request: ObservedRequest): readonly CachedCluster[] {
    return [...this.#context.cache.deployments.in(request.namespace)].filter(
      (cluster) =>
        (request.owner === undefined || cluster.uid === request.owner.uid) &&
        cluster.gate !== 'decommission' &&
        cluster.certificates.some(({ requestName }) => requestName === request.name),
    );
  }

  /** Other standalone requests that name the same Secret, and were refused it. */
  #standaloneWithSameSecret({ namespace, name, secretName }: ObservedRequest): readonly CachedCluster[] {
    return [...this.#context.cache.standalone.in(namespace)].filter(
      (other) => other.name !== name && other.certificates.some((certificate) => certificate.secretName === secretName),
    );
  }
}

function standaloneName({ namespace, name }: NamespacedName): PrimaryName {
  return { kind: 'CertificateRequest', namespace, name };
}
