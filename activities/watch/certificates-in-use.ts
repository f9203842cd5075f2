/** The certificates of the fleet that anybody has to be asked about, as their CertificateRequests tell of them. */
import type { KnownCluster } from '../../src/clusters/what-to-signal.ts';
import type { ObservedRequest } from '../../src/kubernetes/observed-request.ts';
import { readInstant } from '../../src/kubernetes/status.ts';
import { type KnownFleet, keyOf } from './known-fleet.ts';

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
  const serving = servingClusters(fleet);
  for (const request of fleet.allRequests()) {
    const { issued, deleting, notAfter } = request;
    if (!issued || deleting) continue;
    if (notAfter === undefined || (readInstant(notAfter)?.getTime() ?? 0) <= now) continue;
    const served = serving.get(keyOf(request));
    if (served !== undefined) yield { request, ...served };
  }
}

/** Who may renew each certificate at this moment, by its CertificateRequest: made in one pass over the fleet. */
function servingClusters(fleet: KnownFleet): ReadonlyMap<string, Omit<CertificateInUse, 'request'>> {
  const serving = new Map<string, Omit<CertificateInUse, 'request'>>();
  for (const cluster of fleet.allClusters()) {
    if (!cluster.served || cluster.gate !== 'serve') continue;
    for (const { requestName: name, bundleName } of cluster.certificates) {
      const key = keyOf({ namespace: cluster.namespace, name });
      // Where two lay claim to one request, the first has it.
      if (!serving.has(key)) serving.set(key, { cluster, bundleName });
    }
  }
  return serving;
}
