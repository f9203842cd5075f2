import type { CachedCluster } from '../clusters/cached-cluster.ts';
import type { ObservedRequest } from '../kubernetes/objects/observed-request.ts';
import { parseTimestamp } from '../kubernetes/objects/timestamp.ts';
import type { ControllerCache } from './controller-cache.ts';

/** A cluster, or a standalone CertificateRequest. */
export interface ClusterSeries extends Pick<CachedCluster, 'namespace' | 'name' | 'limitedSupport'> {
  /** `Serve`, `Decommission`, or why it is not served (`NotManaged`, `NotInstalled`, …). */
  readonly gate: string;
}

/** A CertificateRequest with its certificate. */
export interface RequestSeries extends Pick<ObservedRequest, 'namespace' | 'name' | 'renewBeforeDays'> {
  readonly commonName: string;
  /** Epoch milliseconds; absent while there is no certificate. */
  readonly notBefore?: number;
  readonly notAfter?: number;
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
      const readable = [...cache.deployments.all()].filter((cluster) => cache.malformed.get(cluster) === undefined);
      const malformed = Array.from(cache.malformed.all(), ({ namespace, name }) => {
        const limitedSupport = cache.deployments.get({ namespace, name })?.limitedSupport === true;
        return { namespace, name, gate: 'InvalidClusterDeployment', limitedSupport };
      });
      return [...readable.map(seriesOf), ...malformed];
    },
    get standalone() {
      return Array.from(cache.standalone.all(), seriesOf);
    },
    get requests() {
      return Array.from(cache.requests.all(), requestSeriesOf);
    },
    get ari() {
      return ari();
    },
  };
}

function seriesOf({ namespace, name, gate, reason, limitedSupport }: CachedCluster): ClusterSeries {
  const label = gate === 'serve' ? 'Serve' : gate === 'decommission' ? 'Decommission' : (reason ?? gate);
  return { namespace, name, gate: label, limitedSupport };
}

function requestSeriesOf({ namespace, name, dnsNames, ...request }: ObservedRequest): RequestSeries {
  return {
    namespace,
    name,
    commonName: dnsNames[0] ?? '',
    notBefore: parseTimestamp(request.notBefore ?? '')?.getTime(),
    notAfter: parseTimestamp(request.notAfter ?? '')?.getTime(),
    renewBeforeDays: request.renewBeforeDays,
  };
}
