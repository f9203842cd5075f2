/** The certificates of the fleet that anybody has to be asked about, as their CertificateRequests tell of them. */
import type { KnownCluster } from '../../src/clusters/what-to-signal.ts';
import type { ObservedRequest } from '../../src/kubernetes/observed-request.ts';
import { readInstant } from '../../src/kubernetes/status.ts';
import type { KnownFleet } from './known-fleet.ts';

export interface CertificateInUse {
  readonly request: ObservedRequest;
  /** The one whose workflow renews it. */
  readonly cluster: KnownCluster;
  readonly bundleName: string;
}

/**
 * Those that are in a Secret and have not expired, and that a workflow may renew.
 * @param now epoch milliseconds.
 */
export function* certificatesInUse(fleet: KnownFleet, now: number): Generator<CertificateInUse> {
  for (const request of fleet.allRequests()) {
    const { issued, deleting, notAfter } = request;
    if (!issued || deleting) continue;
    if (notAfter === undefined || (readInstant(notAfter)?.getTime() ?? 0) <= now) continue;
    const served = servedBy(fleet, request);
    if (served !== undefined) yield { request, ...served };
  }
}

/** @returns undefined while nobody may renew it. */
function servedBy(fleet: KnownFleet, request: ObservedRequest): Omit<CertificateInUse, 'request'> | undefined {
  for (const cluster of fleet.clustersIn(request.namespace)) {
    if (!cluster.served || cluster.gate !== 'serve') continue;
    const certificate = cluster.certificates.find(({ requestName }) => requestName === request.name);
    if (certificate !== undefined) return { cluster, bundleName: certificate.bundleName };
  }
  return undefined;
}
