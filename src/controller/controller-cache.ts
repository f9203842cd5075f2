import type { CachedCluster } from '../clusters/cached-cluster.ts';
import type { ClusterRef, ObjectRef } from '../clusters/cluster-identity.ts';
import { owningCluster } from '../clusters/owning-cluster.ts';
import type { RequestClaim } from '../contract/cluster-certificates.ts';
import { CompactRequest } from '../kubernetes/objects/compact-request.ts';
import { CompactSecret } from '../kubernetes/objects/compact-secret.ts';
import type { ObservedRequest } from '../kubernetes/objects/observed-request.ts';
import type { ObservedSecret } from '../kubernetes/objects/observed-secret.ts';
import { CompactCluster } from './compact-cluster.ts';
import { NamespacedMap } from './namespaced-map.ts';
import { keyOf, type NamespacedName } from './namespaced-name.ts';

/** Name of a primary resource: a ClusterDeployment, or a standalone CertificateRequest when `kind` says so. */
export type PrimaryName = Omit<ClusterRef, 'uid'>;

/** A ClusterDeployment that cannot be read. */
interface MalformedCluster extends ObjectRef {
  readonly problem: string;
}

/** A certificate that a workflow renews. */
export interface CertificateInUse {
  readonly request: ObservedRequest;
  readonly cluster: CachedCluster;
  readonly bundleName: string;
}

/** Takes what {@link ControllerCache.changedRequests} has, one by one. */
export function* takeAll(changed: Set<string>): Generator<string> {
  for (const key of changed) {
    changed.delete(key);
    yield key;
  }
}

/** @returns a function that finds the cached requests of a namespace by name. */
export function requestsIn(
  { requests }: Pick<ControllerCache, 'requests'>,
  { namespace }: Pick<NamespacedName, 'namespace'>,
): (name: string) => ObservedRequest | undefined {
  return (name) => requests.get({ namespace, name });
}

/** The cached ClusterDeployments and CertificateRequests; a standalone request is also a cluster of one bundle. */
export class ControllerCache {
  /** Set and deleted by {@link setCluster} and {@link deleteCluster}, as the standalone ones. */
  readonly deployments = new NamespacedMap<CachedCluster>({ compact: compactBy(CompactCluster) });
  readonly standalone = new NamespacedMap<CachedCluster>({ compact: compactBy(CompactCluster) });
  readonly malformed = new NamespacedMap<MalformedCluster>();
  readonly requests = new NamespacedMap<ObservedRequest>({
    compact: compactBy(CompactRequest),
    onChange: (request) => this.#requestChanged(request),
  });
  /** Those of certificates. One that was there before its cluster may be missing. */
  readonly secrets = new NamespacedMap<ObservedSecret>({ compact: compactBy(CompactSecret) });
  /** All are cached: before, a request without an owner reference may be that of a ClusterDeployment. */
  deploymentsKnown = false;
  requestsKnown = false;
  readonly #changedRequests: Set<string>[] = [];

  getCluster(name: PrimaryName): CachedCluster | undefined {
    return this.#clustersOf(name).get(name);
  }

  setCluster(cluster: CachedCluster): void {
    const before = this.getCluster(cluster);
    if (before !== undefined) this.#certificatesChanged(before);
    this.#clustersOf(cluster).set(cluster);
    this.#certificatesChanged(cluster);
    if (cluster.kind === undefined) this.malformed.delete(cluster);
  }

  /** Of a cached cluster. */
  setServed(cluster: CachedCluster): void {
    this.#clustersOf(cluster).set(new CompactCluster(cluster, { served: true }));
    this.#certificatesChanged(cluster);
  }

  /** Deletes this cluster, but not another one of its name. @returns what was cached of it. */
  deleteCluster(cluster: ClusterRef): CachedCluster | undefined {
    const found = this.#clustersOf(cluster).get(cluster);
    const cached = found?.uid === cluster.uid ? found : undefined;
    if (cached !== undefined) {
      this.#clustersOf(cluster).delete(cluster);
      this.#certificatesChanged(cached);
    }
    if (cluster.kind === undefined && this.malformed.get(cluster)?.uid === cluster.uid) this.malformed.delete(cluster);
    return cached;
  }

  #clustersOf({ kind }: PrimaryName): NamespacedMap<CachedCluster> {
    return kind === 'CertificateRequest' ? this.standalone : this.deployments;
  }

  clustersIn(namespace: string): readonly CachedCluster[] {
    return [...this.deployments.in(namespace), ...this.standalone.in(namespace)];
  }

  *allClusters(): Generator<CachedCluster> {
    yield* this.deployments.all();
    yield* this.standalone.all();
  }

  /** @returns the name of the owning ClusterDeployment; undefined when the request is standalone. */
  ownerOf(request: ObservedRequest): string | undefined {
    const { namespace, owner } = request;
    // Nearly all have an owner reference, for which the clusters of the namespace need not be collected.
    if (owner !== undefined) return owner.name;
    const unreadable = [...this.malformed.in(namespace)].map(({ name }) => name);
    return owningCluster(request, { clusters: [...this.deployments.in(namespace)], unreadable });
  }

  /** The claim of a ClusterDeployment on a request, by {@link ownerOf}. */
  claimBy(clusterDeployment: string, { namespace, owner }: ObservedRequest): RequestClaim {
    const name = { namespace, name: clusterDeployment };
    const uid = owner?.uid ?? this.deployments.get(name)?.uid ?? this.malformed.get(name)?.uid;
    return { clusterDeployment, uid };
  }

  /**
   * The certificate of a request if it is issued, unexpired and of a cluster that is served.
   * @param request `namespace/name`. @param now epoch milliseconds.
   */
  certificateInUse(request: string, now: number): CertificateInUse | undefined {
    const found = this.requests.find(request);
    if (found === undefined || !hasValidCertificate(found, now)) return undefined;
    for (const cluster of this.#clustersThatMayHave(found)) {
      if (!cluster.served || cluster.gate !== 'serve') continue;
      const certificate = cluster.certificates.find(({ requestName }) => requestName === found.name);
      if (certificate !== undefined) return { request: found, cluster, bundleName: certificate.bundleName };
    }
    return undefined;
  }

  /** The owner first: it is nearly always the one, so that a namespace with many clusters is not searched. */
  *#clustersThatMayHave(request: ObservedRequest): Generator<CachedCluster> {
    const { namespace, owner } = request;
    const owning = owner && this.deployments.get({ namespace, name: owner.name });
    if (owning !== undefined) yield owning;
    yield* this.deployments.in(namespace);
    const standalone = this.standalone.get(request);
    if (standalone !== undefined) yield standalone;
  }

  /**
   * A set that gets the `namespace/name` of each request when that changes, or a cluster that has it; the caller removes
   * what it has dealt with.
   */
  changedRequests(): Set<string> {
    const changed = new Set([...this.requests.all()].map(keyOf));
    this.#changedRequests.push(changed);
    return changed;
  }

  #requestChanged(request: string): void {
    for (const changed of this.#changedRequests) changed.add(request);
  }

  #certificatesChanged({ namespace, certificates }: CachedCluster): void {
    for (const { requestName: name } of certificates) this.#requestChanged(keyOf({ namespace, name }));
  }
}

function hasValidCertificate({ issued, deleting, notAfter = 0 }: ObservedRequest, now: number): boolean {
  return issued && !deleting && notAfter > now;
}

/** The value, if it is compact already, or else a compact one of this class. */
function compactBy<Value>(Compact: new (value: Value) => NoInfer<Value>): (value: Value) => Value {
  return (value) => (value instanceof Compact ? value : new Compact(value));
}
