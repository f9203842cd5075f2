import type { CachedCluster } from '../clusters/cached-cluster.ts';
import type { ObservedRequest } from '../kubernetes/objects/observed-request.ts';
import type { ControllerCache } from './controller-cache.ts';

/** A cluster, or a standalone CertificateRequest. */
export interface ClusterSeries extends Pick<CachedCluster, 'namespace' | 'name' | 'limitedSupport'> {
  /** `Serve`, `Decommission`, or why it is not served (`NotManaged`, `NotInstalled`, …). */
  readonly gate: string;
}

/** A CertificateRequest with its certificate; no instants while there is none. */
export type RequestSeries = Pick<ObservedRequest, 'namespace' | 'name' | 'dnsNames'> &
  Partial<
    Pick<ObservedRequest, 'renewBeforeDays' | 'notBefore' | 'notAfter' | 'renewalAt' | 'state' | 'served' | 'postponed'>
  >;

/** State of the CA's renewal information (RFC 9773). */
export interface AriCoverage {
  /** Certificates in use that the CA has given a window for. */
  readonly certificates: number;
  /** The CA does not respond, or there is no account to ask it with. */
  readonly failing: boolean;
}

/** State of the watch of one kind. */
export interface WatchState {
  /** Its plural. */
  readonly kind: string;
  /** Every object is known and watched; a kind that the API server does not know has none. */
  readonly synced: boolean;
  /** Epoch milliseconds up to which the known objects are current; undefined: there was no complete list yet. */
  readonly syncedUntil: number | undefined;
  /** Why it is not synced, as sentences; undefined while it is. */
  readonly problem: string | undefined;
}

/** Whether the installed CRD lacks fields. */
export interface CrdState {
  /** What it lacks, what that prevents and what to do; undefined: it has all. */
  readonly problem: string | undefined;
}

/**
 * The cached fleet, from which the gauges are computed anew at each scrape; each is read when it is iterated. Undefined:
 * a kind that it is computed from has not been listed yet.
 */
export interface FleetSnapshot {
  readonly clusters: Iterable<ClusterSeries> | undefined;
  readonly standalone: Iterable<ClusterSeries> | undefined;
  readonly requests: Iterable<RequestSeries> | undefined;
  readonly ari: AriCoverage | undefined;
  readonly watches: readonly WatchState[];
  readonly crd: CrdState | undefined;
}

/** What is read from the parts of the controller at each scrape. */
export interface ControllerState {
  ari(): AriCoverage;
  watches(): readonly WatchState[];
  crd(): CrdState | undefined;
}

/** A live view of the cache. Items are converted one by one, since a large fleet takes long. */
export function fleetSnapshot(cache: ControllerCache, state: ControllerState): FleetSnapshot {
  const bothKnown = (): boolean => cache.deploymentsKnown && cache.requestsKnown;
  return {
    get clusters() {
      return cache.deploymentsKnown ? clusterSeries(cache) : undefined;
    },
    get standalone() {
      return bothKnown() ? mapAll(cache.standalone.all(), seriesOf) : undefined;
    },
    get requests() {
      return cache.requestsKnown ? Array.from(cache.requests.all()) : undefined;
    },
    get ari() {
      return bothKnown() ? state.ari() : undefined;
    },
    get watches() {
      return state.watches();
    },
    get crd() {
      return state.crd();
    },
  };
}

function* clusterSeries(cache: ControllerCache): Generator<ClusterSeries> {
  for (const cluster of Array.from(cache.deployments.all()))
    if (cache.malformed.get(cluster) === undefined) yield seriesOf(cluster);
  for (const { namespace, name } of Array.from(cache.malformed.all())) {
    const limitedSupport = cache.deployments.get({ namespace, name })?.limitedSupport === true;
    yield { namespace, name, gate: 'InvalidClusterDeployment', limitedSupport };
  }
}

/** Of what is there at the first step: meanwhile one that is deleted and added again would come twice. */
function* mapAll<Item, Result>(items: Iterable<Item>, convert: (item: Item) => Result): Generator<Result> {
  for (const item of Array.from(items)) yield convert(item);
}

function seriesOf({ namespace, name, gate, reason, limitedSupport }: CachedCluster): ClusterSeries {
  const label = gate === 'serve' ? 'Serve' : gate === 'decommission' ? 'Decommission' : (reason ?? gate);
  return { namespace, name, gate: label, limitedSupport };
}
