import type { CachedCluster } from '../clusters/cached-cluster.ts';
import type { KubernetesObject } from '../kubernetes/api/kubernetes-api.ts';
import { OPERATOR_AWS_SECRET } from '../kubernetes/objects/aws-credentials.ts';
import type { ObservedRequest } from '../kubernetes/objects/observed-request.ts';
import { describeSecretChange, type ObservedSecret, observeSecret } from '../kubernetes/objects/observed-secret.ts';
import { ACCOUNT_SECRET } from '../kubernetes/objects/operator-settings.ts';
import { keyOf, type NamespacedName, nameOf } from './controller-cache.ts';
import type { ControllerContext } from './controller-context.ts';
import type { ResourceEventHandler } from './informer.ts';
import type { StuckClusterSignaller } from './stuck-cluster-signaller.ts';

type SecretRole =
  | { readonly kind: 'operatorWide' }
  | { readonly kind: 'certificate' | 'credentials'; readonly clusters: readonly CachedCluster[] };

/** Signals the clusters that depend on a Secret: certificate, credentials, or the operator's. Reads metadata only. */
export class SecretHandler implements ResourceEventHandler {
  readonly #context: ControllerContext;
  readonly #stuckClusters: StuckClusterSignaller;
  /** Secrets with a role, by `namespace/name`. */
  readonly #secrets = new Map<string, ObservedSecret>();

  constructor(context: ControllerContext, stuckClusters: StuckClusterSignaller) {
    this.#context = context;
    this.#stuckClusters = stuckClusters;
  }

  async onUpsert(object: KubernetesObject, from: 'list' | 'watch'): Promise<void> {
    const secret = nameOf(object);
    const role = this.#roleOf(secret);
    if (role === undefined) return;
    const key = keyOf(secret);
    const previous = this.#secrets.get(key);
    const observed = observeSecret(object);
    this.#secrets.set(key, observed);
    if (previous?.resourceVersion === observed.resourceVersion) return;
    // First seen in a list: its clusters are signalled anyway, and the resync finds what was missed.
    if (previous === undefined && from === 'list') return;
    switch (role.kind) {
      case 'operatorWide':
        return await this.#stuckClusters.signal(`The Secret ${secret.name} in ${secret.namespace} changed.`);
      case 'credentials':
        return await this.#context.signaller.dependencyChanged(
          role.clusters,
          `The credentials Secret ${secret.name} changed.`,
        );
      case 'certificate':
        await Promise.all(
          role.clusters.map(async (cluster) => {
            const what = describeSecretChange(previous, observed, this.#requestFor(cluster, secret.name));
            if (what !== undefined) await this.#context.signaller.drifted([cluster], what, observed.otherManager);
          }),
        );
    }
  }

  async onDelete(object: KubernetesObject): Promise<void> {
    const secret = nameOf(object);
    this.#secrets.delete(keyOf(secret));
    const role = this.#roleOf(secret);
    const what = `The Secret ${secret.name} was deleted.`;
    switch (role?.kind) {
      case 'operatorWide':
        return await this.#stuckClusters.signal(`The Secret ${secret.name} in ${secret.namespace} was deleted.`);
      case 'credentials':
        return await this.#context.signaller.dependencyChanged(role.clusters, what);
      case 'certificate':
        return await this.#context.signaller.drifted(role.clusters, what, observeSecret(object).otherManager);
      case undefined:
    }
  }

  #roleOf({ namespace, name }: NamespacedName): SecretRole | undefined {
    const { settings, cache } = this.#context;
    if (namespace === settings.operatorNamespace && (name === ACCOUNT_SECRET || name === OPERATOR_AWS_SECRET)) {
      return { kind: 'operatorWide' };
    }
    const neighbours = cache.clustersIn(namespace);
    const certified = neighbours.filter(
      (cluster) =>
        cluster.gate !== 'decommission' && cluster.certificates.some(({ secretName }) => secretName === name),
    );
    if (certified.length > 0) return { kind: 'certificate', clusters: certified };
    const clusters = neighbours.filter((cluster) => cluster.credentialsSecret === name);
    return clusters.length > 0 ? { kind: 'credentials', clusters } : undefined;
  }

  /** @returns undefined while the request is being deleted, since it is then created again. */
  #requestFor({ namespace, certificates }: CachedCluster, secretName: string): ObservedRequest | undefined {
    const name = certificates.find((certificate) => certificate.secretName === secretName)?.requestName;
    const request = name === undefined ? undefined : this.#context.cache.requests.get({ namespace, name });
    return request?.deleting === true ? undefined : request;
  }
}
