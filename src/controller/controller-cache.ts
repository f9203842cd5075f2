/**
 * What the watch remembers of the hub: every cluster and every CertificateRequest, each reduced to what decides. A request
 * that stands alone is there twice: as a request, and as what is served in its own name.
 */

import type { CachedCluster } from '../clusters/cached-cluster.ts';
import type { ClusterIdentity } from '../clusters/cluster-view.ts';
import type { CachedOwners } from '../clusters/owning-cluster.ts';
import type { ObservedRequest } from '../kubernetes/objects/observed-request.ts';
import { parseTimestamp } from '../kubernetes/objects/request-status.ts';
import type { AriCoverage, ClusterSeries, FleetSnapshot, RequestSeries } from './fleet-snapshot.ts';
import { NamespacedMap } from './namespaced-map.ts';

export interface NamespacedName {
  readonly namespace: string;
  readonly name: string;
}

/** Name of what is served: a ClusterDeployment, or, where the kind says so, a CertificateRequest that stands alone. */
export interface PrimaryName extends NamespacedName {
  readonly kind?: ClusterIdentity['kind'];
}

export function keyOf(object: NamespacedName): string {
  return `${object.namespace}/${object.name}`;
}

export class ControllerCache implements FleetSnapshot {
  readonly #deployments = new NamespacedMap<CachedCluster>();
  readonly #standalone = new NamespacedMap<CachedCluster>();
  /** The problem with each ClusterDeployment that cannot be read: each is said once. */
  readonly #malformed = new NamespacedMap<string>();
  readonly #requests = new NamespacedMap<ObservedRequest>();

  // --- what is served ---

  getCluster(object: PrimaryName): CachedCluster | undefined {
    return this.#of(object).get(object);
  }

  setCluster(cluster: CachedCluster): void {
    this.#of(cluster).set(cluster, cluster);
    if (cluster.kind === undefined) this.#malformed.delete(cluster);
  }

  deleteCluster(object: PrimaryName): void {
    this.#of(object).delete(object);
    if (object.kind === undefined) this.#malformed.delete(object);
  }

  #of({ kind }: PrimaryName): NamespacedMap<CachedCluster> {
    return kind === 'CertificateRequest' ? this.#standalone : this.#deployments;
  }

  /** Of both kinds. */
  clustersIn(namespace: string): readonly CachedCluster[] {
    return [...this.#deployments.in(namespace), ...this.#standalone.in(namespace)];
  }

  /** Of both kinds. */
  *allClusters(): Generator<CachedCluster> {
    yield* this.#deployments.all();
    yield* this.#standalone.all();
  }

  *allDeployments(): Generator<CachedCluster> {
    yield* this.#deployments.all();
  }

  *allStandalone(): Generator<CachedCluster> {
    yield* this.#standalone.all();
  }

  /** Who could lay claim to the CertificateRequests of a namespace. */
  ownersIn(namespace: string): CachedOwners {
    return { clusters: [...this.#deployments.in(namespace)], unreadable: [...this.#malformed.namesIn(namespace)] };
  }

  // --- ClusterDeployments that cannot be read ---

  /** @returns whether this problem is news. */
  setMalformed(object: NamespacedName, problem: string): boolean {
    if (this.#malformed.get(object) === problem) return false;
    this.#malformed.set(object, problem);
    return true;
  }

  malformed(): Iterable<NamespacedName> {
    return this.#malformed.names();
  }

  // --- CertificateRequests ---

  getRequest(object: NamespacedName): ObservedRequest | undefined {
    return this.#requests.get(object);
  }

  setRequest(request: ObservedRequest): void {
    this.#requests.set(request, request);
  }

  deleteRequest(object: NamespacedName): void {
    this.#requests.delete(object);
  }

  requestsIn(namespace: string): readonly ObservedRequest[] {
    return [...this.#requests.in(namespace)];
  }

  allRequests(): Iterable<ObservedRequest> {
    return this.#requests.all();
  }

  // --- as gauges show it ---

  /** Kept by the sweep of renewal windows. */
  ari: AriCoverage = { certificates: 0, failing: false };

  get clusters(): Iterable<ClusterSeries> {
    return this.#clusterSeries();
  }

  get standalone(): Iterable<ClusterSeries> {
    return this.#standaloneSeries();
  }

  get requests(): Iterable<RequestSeries> {
    return this.#requestSeries();
  }

  *#clusterSeries(): Generator<ClusterSeries> {
    for (const cluster of this.#deployments.all()) {
      // One that was readable once and no longer is counts as what is wrong with it now.
      if (this.#malformed.get(cluster) === undefined) yield seriesOf(cluster);
    }
    for (const object of this.malformed()) {
      yield {
        ...object,
        gate: 'InvalidClusterDeployment',
        limitedSupport: this.getCluster(object)?.limitedSupport === true,
      };
    }
  }

  *#standaloneSeries(): Generator<ClusterSeries> {
    for (const request of this.#standalone.all()) yield seriesOf(request);
  }

  *#requestSeries(): Generator<RequestSeries> {
    for (const { namespace, name, dnsNames, notBefore, notAfter, renewBeforeDays } of this.#requests.all()) {
      const begins = notBefore === undefined ? undefined : parseTimestamp(notBefore);
      const ends = notAfter === undefined ? undefined : parseTimestamp(notAfter);
      yield {
        namespace,
        name,
        commonName: dnsNames[0] ?? '',
        ...(begins === undefined ? {} : { notBefore: begins.getTime() }),
        ...(ends === undefined ? {} : { notAfter: ends.getTime() }),
        ...(renewBeforeDays === undefined ? {} : { renewBeforeDays }),
      };
    }
  }
}

function seriesOf({ namespace, name, gate, reason, limitedSupport }: CachedCluster): ClusterSeries {
  const label = gate === 'serve' ? 'Serve' : gate === 'decommission' ? 'Decommission' : (reason ?? gate);
  return { namespace, name, gate: label, limitedSupport };
}
