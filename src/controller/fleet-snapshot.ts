import type { CachedCluster } from '../clusters/cached-cluster.ts';
import { parseTimestamp } from '../kubernetes/objects/timestamp.ts';
import type { ControllerCache } from './controller-cache.ts';

/** A cluster, or a standalone CertificateRequest. */
export interface ClusterSeries {
  readonly namespace: string;
  readonly name: string;
  /** `Serve`, `Decommission`, or why it is not served (`NotManaged`, `NotInstalled`, …). */
  readonly gate: string;
  readonly limitedSupport: boolean;
}

/** A CertificateRequest with its certificate. */
export interface RequestSeries {
  readonly namespace: string;
  readonly name: string;
  readonly commonName: string;
  /** Epoch milliseconds; absent while there is no certificate. */
  readonly notBefore?: number;
  readonly notAfter?: number;
  /** As the user set it. */
  readonly renewBeforeDays?: number;
}

/** State of the CA's renewal information (RFC 9773). */
export interface AriCoverage {
  /** Certificates in use that the CA has given a window for. */
  readonly certificates: number;
  /** The CA does not respond, or there is no account to ask it with. */
  readonly failing: boolean;
}

/** The cached fleet, from which the gauges are computed anew at each scrape. */
export interface FleetSnapshot {
  readonly clusters: Iterable<ClusterSeries>;
  readonly standalone: Iterable<ClusterSeries>;
  readonly requests: Iterable<RequestSeries>;
  readonly ari: AriCoverage;
}

/** A live view of the cache. */
export function fleetSnapshot(cache: ControllerCache, ari: () => AriCoverage): FleetSnapshot {
  return {
    get clusters() {
      return clusterSeries(cache);
    },
    get standalone() {
      return standaloneSeries(cache);
    },
    get requests() {
      return requestSeries(cache);
    },
    get ari() {
      return ari();
    },
  };
}

function* clusterSeries(cache: ControllerCache): Generator<ClusterSeries> {
  for (const cluster of cache.deployments.all())
    if (cache.malformed.get(cluster) === undefined) yield seriesOf(cluster);
  for (const name of cache.malformed.names()) {
    const limitedSupport = cache.getCluster(name)?.limitedSupport === true;
    yield { ...name, gate: 'InvalidClusterDeployment', limitedSupport };
  }
}

function* standaloneSeries(cache: ControllerCache): Generator<ClusterSeries> {
  for (const request of cache.standalone.all()) yield seriesOf(request);
}

function seriesOf({ namespace, name, gate, reason, limitedSupport }: CachedCluster): ClusterSeries {
  const label = gate === 'serve' ? 'Serve' : gate === 'decommission' ? 'Decommission' : (reason ?? gate);
  return { namespace, name, gate: label, limitedSupport };
}

function* requestSeries(cache: ControllerCache): Generator<RequestSeries> {
  for (const { namespace, name, dnsNames, renewBeforeDays, ...request } of cache.requests.all()) {
    const [notBefore, notAfter] = [epochMs(request.notBefore), epochMs(request.notAfter)];
    yield { namespace, name, commonName: dnsNames[0] ?? '', notBefore, notAfter, renewBeforeDays };
  }
}

function epochMs(timestamp: string | undefined): number | undefined {
  return timestamp === undefined ? undefined : parseTimestamp(timestamp)?.getTime();
}
