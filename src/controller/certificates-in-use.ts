/** The certificates of the fleet that anybody has to be asked about, as their CertificateRequests tell of them. */
import type { CachedCluster } from '../clusters/cached-cluster.ts';
import type { ObservedRequest } from '../kubernetes/objects/observed-request.ts';
import { parseTimestamp } from '../kubernetes/objects/request-status.ts';
import { type ControllerCache, keyOf } from './controller-cache.ts';

export interface CertificateInUse {
  readonly request: ObservedRequest;
  /** The one whose workflow renews it. */
  readonly cluster: CachedCluster;
  readonly bundleName: string;
}

/**
 * Those that are in a Secret and have not expired, and that a workflow may renew.
 * @param now epoch milliseconds.
 */
export function* certificatesInUse(fleet: ControllerCache, now: number): Generator<CertificateInUse> {
  const serving = servingClusters(fleet);
  for (const request of fleet.allRequests()) {
    const { issued, deleting, notAfter } = request;
    if (!issued || deleting) continue;
    if (notAfter === undefined || (parseTimestamp(notAfter)?.getTime() ?? 0) <= now) continue;
    const served = serving.get(keyOf(request));
    if (served !== undefined) yield { request, ...served };
  }
}

/** Who may renew each certificate at this moment, by its CertificateRequest: made in one pass over the fleet. */
function servingClusters(fleet: ControllerCache): ReadonlyMap<string, Omit<CertificateInUse, 'request'>> {
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
