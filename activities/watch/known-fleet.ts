/** What the watch remembers of the hub: every cluster and every CertificateRequest, each reduced to what decides. */
import type { KnownCluster } from '../../src/clusters/what-to-signal.ts';
import type { ObservedRequest } from '../../src/kubernetes/observed-request.ts';
import { readInstant } from '../../src/kubernetes/status.ts';
import type { ClusterSeries, RequestSeries } from '../../src/observability/fleet-gauges.ts';
import type { WatchedFleet } from './dependencies.ts';

export interface ObjectName {
  readonly namespace: string;
  readonly name: string;
}

export function keyOf(object: ObjectName): string {
  return `${object.namespace}/${object.name}`;
}

export class KnownFleet implements WatchedFleet {
  /** By namespace, then name. */
  readonly #clusters = new Map<string, Map<string, KnownCluster>>();
  /** Digest of the problem, by key: each is said once. */
  readonly #malformed = new Map<string, string>();
  readonly #requests = new Map<string, ObservedRequest>();

  cluster(object: ObjectName): KnownCluster | undefined {
    return this.#clusters.get(object.namespace)?.get(object.name);
  }

  remember(cluster: KnownCluster): void {
    const there = this.#clusters.get(cluster.namespace) ?? new Map<string, KnownCluster>();
    there.set(cluster.name, cluster);
    this.#clusters.set(cluster.namespace, there);
    this.#malformed.delete(keyOf(cluster));
  }

  forget(object: ObjectName): void {
    const there = this.#clusters.get(object.namespace);
    there?.delete(object.name);
    if (there?.size === 0) this.#clusters.delete(object.namespace);
    this.#malformed.delete(keyOf(object));
  }

  clustersIn(namespace: string): readonly KnownCluster[] {
    return [...(this.#clusters.get(namespace)?.values() ?? [])];
  }

  *allClusters(): Generator<KnownCluster> {
    for (const there of this.#clusters.values()) yield* there.values();
  }

  /** @returns whether this problem is news. */
  rememberMalformed(object: ObjectName, problem: string): boolean {
    if (this.#malformed.get(keyOf(object)) === problem) return false;
    this.#malformed.set(keyOf(object), problem);
    return true;
  }

  *malformed(): Generator<ObjectName> {
    for (const key of this.#malformed.keys()) {
      const slash = key.indexOf('/');
      yield { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
    }
  }

  request(object: ObjectName): ObservedRequest | undefined {
    return this.#requests.get(keyOf(object));
  }

  rememberRequest(request: ObservedRequest): void {
    this.#requests.set(keyOf(request), request);
  }

  forgetRequest(object: ObjectName): void {
    this.#requests.delete(keyOf(object));
  }

  allRequests(): Iterable<ObservedRequest> {
    return this.#requests.values();
  }

  // --- as gauges show it ---

  get clusters(): Iterable<ClusterSeries> {
    return this.#clusterSeries();
  }

  get requests(): Iterable<RequestSeries> {
    return this.#requestSeries();
  }

  *#clusterSeries(): Generator<ClusterSeries> {
    for (const { namespace, name, gate, reason, limitedSupport } of this.allClusters()) {
      // One that was readable once and no longer is counts as what is wrong with it now.
      if (this.#malformed.has(`${namespace}/${name}`)) continue;
      const label = gate === 'serve' ? 'Serve' : gate === 'decommission' ? 'Decommission' : (reason ?? gate);
      yield { namespace, name, gate: label, limitedSupport };
    }
    for (const object of this.malformed()) {
      yield { ...object, gate: 'Malformed', limitedSupport: this.cluster(object)?.limitedSupport === true };
    }
  }

  *#requestSeries(): Generator<RequestSeries> {
    for (const { namespace, name, dnsNames, notBefore, notAfter, renewBeforeDays } of this.#requests.values()) {
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
