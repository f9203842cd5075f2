/**
 * What the watch remembers of the hub: every cluster and every CertificateRequest, each reduced to what decides. A request
 * that stands alone is there twice: as a request, and as what is served in its own name.
 */
import type { ClusterIdentity } from '../../src/clusters/cluster-view.ts';
import type { KnownOwners } from '../../src/clusters/standing-alone.ts';
import type { KnownCluster } from '../../src/clusters/what-to-signal.ts';
import type { ObservedRequest } from '../../src/kubernetes/observed-request.ts';
import { readInstant } from '../../src/kubernetes/status.ts';
import type { ClusterSeries, RenewalInformation, RequestSeries } from '../../src/observability/fleet-gauges.ts';
import type { WatchedFleet } from './dependencies.ts';
import { NamespacedMap } from './namespaced-map.ts';

export interface ObjectName {
  readonly namespace: string;
  readonly name: string;
}

/** Name of what is served: a ClusterDeployment, or, where the kind says so, a CertificateRequest that stands alone. */
export interface ServedName extends ObjectName {
  readonly kind?: ClusterIdentity['kind'];
}

export function keyOf(object: ObjectName): string {
  return `${object.namespace}/${object.name}`;
}

export class KnownFleet implements WatchedFleet {
  readonly #deployments = new NamespacedMap<KnownCluster>();
  readonly #standalone = new NamespacedMap<KnownCluster>();
  /** The problem with each ClusterDeployment that cannot be read: each is said once. */
  readonly #malformed = new NamespacedMap<string>();
  readonly #requests = new NamespacedMap<ObservedRequest>();

  // --- what is served ---

  cluster(object: ServedName): KnownCluster | undefined {
    return this.#of(object).get(object);
  }

  remember(cluster: KnownCluster): void {
    this.#of(cluster).set(cluster, cluster);
    if (cluster.kind === undefined) this.#malformed.delete(cluster);
  }

  forget(object: ServedName): void {
    this.#of(object).delete(object);
    if (object.kind === undefined) this.#malformed.delete(object);
  }

  #of({ kind }: ServedName): NamespacedMap<KnownCluster> {
    return kind === 'CertificateRequest' ? this.#standalone : this.#deployments;
  }

  /** Of both kinds. */
  clustersIn(namespace: string): readonly KnownCluster[] {
    return [...this.#deployments.in(namespace), ...this.#standalone.in(namespace)];
  }

  /** Of both kinds. */
  *allClusters(): Generator<KnownCluster> {
    yield* this.#deployments.all();
    yield* this.#standalone.all();
  }

  *allDeployments(): Generator<KnownCluster> {
    yield* this.#deployments.all();
  }

  *allStandalone(): Generator<KnownCluster> {
    yield* this.#standalone.all();
  }

  /** Who could lay claim to the CertificateRequests of a namespace. */
  ownersIn(namespace: string): KnownOwners {
    return { clusters: [...this.#deployments.in(namespace)], unreadable: [...this.#malformed.namesIn(namespace)] };
  }

  // --- ClusterDeployments that cannot be read ---

  /** @returns whether this problem is news. */
  rememberMalformed(object: ObjectName, problem: string): boolean {
    if (this.#malformed.get(object) === problem) return false;
    this.#malformed.set(object, problem);
    return true;
  }

  malformed(): Iterable<ObjectName> {
    return this.#malformed.names();
  }

  // --- CertificateRequests ---

  request(object: ObjectName): ObservedRequest | undefined {
    return this.#requests.get(object);
  }

  rememberRequest(request: ObservedRequest): void {
    this.#requests.set(request, request);
  }

  forgetRequest(object: ObjectName): void {
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
  renewalInformation: RenewalInformation = { certificates: 0, failing: false };

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
      yield { ...object, gate: 'Malformed', limitedSupport: this.cluster(object)?.limitedSupport === true };
    }
  }

  *#standaloneSeries(): Generator<ClusterSeries> {
    for (const request of this.#standalone.all()) yield seriesOf(request);
  }

  *#requestSeries(): Generator<RequestSeries> {
    for (const { namespace, name, dnsNames, notBefore, notAfter, renewBeforeDays } of this.#requests.all()) {
      const begins = notBefore === undefined ? undefined : readInstant(notBefore);
      const ends = notAfter === undefined ? undefined : readInstant(notAfter);
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

function seriesOf({ namespace, name, gate, reason, limitedSupport }: KnownCluster): ClusterSeries {
  const label = gate === 'serve' ? 'Serve' : gate === 'decommission' ? 'Decommission' : (reason ?? gate);
  return { namespace, name, gate: label, limitedSupport };
}
