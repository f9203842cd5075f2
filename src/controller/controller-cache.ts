import type { CachedCluster } from '../clusters/cached-cluster.ts';
import type { ClusterIdentity } from '../clusters/cluster-view.ts';
import type { CachedOwners } from '../clusters/owning-cluster.ts';
import type { ObjectMeta } from '../kubernetes/api/kubernetes-api.ts';
import type { ObservedRequest } from '../kubernetes/objects/observed-request.ts';
import { parseTimestamp } from '../kubernetes/objects/timestamp.ts';

/** Name of a namespaced object. */
export interface NamespacedName {
  readonly namespace: string;
  readonly name: string;
}

/** Name of a primary resource: a ClusterDeployment, or a standalone CertificateRequest when `kind` says so. */
export interface PrimaryName extends NamespacedName {
  readonly kind?: ClusterIdentity['kind'];
}

/** A certificate that a workflow renews. */
export interface CertificateInUse {
  readonly request: ObservedRequest;
  readonly cluster: CachedCluster;
  readonly bundleName: string;
}

/** @returns `namespace/name`. */
export function keyOf({ namespace, name }: NamespacedName): string {
  return `${namespace}/${name}`;
}

/** @returns the name of an object; namespace `''` when it is cluster-scoped. */
export function nameOf({ metadata }: { readonly metadata: ObjectMeta }): NamespacedName {
  return { namespace: metadata.namespace ?? '', name: metadata.name };
}

type ReadonlyNamespacedMap<Value> = Omit<NamespacedMap<Value>, 'set' | 'delete'>;

/** The cached ClusterDeployments and CertificateRequests; a standalone request is also a cluster of one bundle. */
export class ControllerCache {
  readonly #deployments = new NamespacedMap<CachedCluster>();
  readonly #standalone = new NamespacedMap<CachedCluster>();
  readonly #malformed = new NamespacedMap<string>();
  readonly deployments: ReadonlyNamespacedMap<CachedCluster> = this.#deployments;
  readonly standalone: ReadonlyNamespacedMap<CachedCluster> = this.#standalone;
  /** The problem of each ClusterDeployment that cannot be read. */
  readonly malformed: ReadonlyNamespacedMap<string> = this.#malformed;
  readonly requests = new NamespacedMap<ObservedRequest>();

  getCluster(name: PrimaryName): CachedCluster | undefined {
    return this.#of(name).get(name);
  }

  setCluster(cluster: CachedCluster): void {
    this.#of(cluster).set(cluster, cluster);
    if (cluster.kind === undefined) this.#malformed.delete(cluster);
  }

  deleteCluster(name: PrimaryName): void {
    this.#of(name).delete(name);
    if (name.kind === undefined) this.#malformed.delete(name);
  }

  #of({ kind }: PrimaryName): NamespacedMap<CachedCluster> {
    return kind === 'CertificateRequest' ? this.#standalone : this.#deployments;
  }

  /** @returns whether this problem is new. */
  setMalformed(name: NamespacedName, problem: string): boolean {
    if (this.#malformed.get(name) === problem) return false;
    this.#malformed.set(name, problem);
    return true;
  }

  clustersIn(namespace: string): readonly CachedCluster[] {
    return [...this.#deployments.in(namespace), ...this.#standalone.in(namespace)];
  }

  *allClusters(): Generator<CachedCluster> {
    yield* this.#deployments.all();
    yield* this.#standalone.all();
  }

  ownersIn(namespace: string): CachedOwners {
    return { clusters: [...this.#deployments.in(namespace)], unreadable: [...this.#malformed.namesIn(namespace)] };
  }

  /** The issued, unexpired certificates of clusters that are served. @param now epoch milliseconds. */
  *certificatesInUse(now: number): Generator<CertificateInUse> {
    const users = new Map<string, Omit<CertificateInUse, 'request'>>();
    for (const cluster of this.allClusters()) {
      if (!cluster.served || cluster.gate !== 'serve') continue;
      for (const { requestName: name, bundleName } of cluster.certificates) {
        const key = keyOf({ namespace: cluster.namespace, name });
        if (!users.has(key)) users.set(key, { cluster, bundleName });
      }
    }
    for (const request of this.requests.all()) {
      const { issued, deleting, notAfter } = request;
      const user = users.get(keyOf(request));
      if (!issued || deleting || notAfter === undefined || user === undefined) continue;
      if ((parseTimestamp(notAfter)?.getTime() ?? 0) > now) yield { request, ...user };
    }
  }
}

/** Finds the values of one namespace without a scan. */
class NamespacedMap<Value> {
  readonly #namespaces = new Map<string, Map<string, Value>>();

  get({ namespace, name }: NamespacedName): Value | undefined {
    return this.#namespaces.get(namespace)?.get(name);
  }

  set({ namespace, name }: NamespacedName, value: Value): void {
    const values = this.#namespaces.get(namespace) ?? new Map<string, Value>();
    values.set(name, value);
    this.#namespaces.set(namespace, values);
  }

  delete({ namespace, name }: NamespacedName): void {
    const values = this.#namespaces.get(namespace);
    values?.delete(name);
    if (values?.size === 0) this.#namespaces.delete(namespace);
  }

  in(namespace: string): Iterable<Value> {
    return this.#namespaces.get(namespace)?.values() ?? [];
  }

  namesIn(namespace: string): Iterable<string> {
    return this.#namespaces.get(namespace)?.keys() ?? [];
  }

  *all(): Generator<Value> {
    for (const values of this.#namespaces.values()) yield* values.values();
  }

  *names(): Generator<NamespacedName> {
    for (const [namespace, values] of this.#namespaces) for (const name of values.keys()) yield { namespace, name };
  }
}
