/** What operators have requested of a standalone request that a ClusterDeployment claims, and is pending. */
import { log, patched } from '@temporalio/workflow';
import { isPending, RENEWAL_REQUEST_LIFETIME_MS } from '../../src/certificates/renewal-request.ts';
import {
  mayAddRevocation,
  pendingRevocations,
  withinTime,
  withRevocation,
} from '../../src/certificates/requested-revocation.ts';
import type { BundleRecord } from '../../src/contract/bundle-record.ts';
import type { HandedOverRequests } from '../../src/contract/cluster-certificates.ts';
import { REQUESTS_HANDED_OVER } from '../../src/contract/patches.ts';
import type { Bundle } from './bundle.ts';

/** Those to hand over; undefined: none, or a run of before. */
export function requestsToHandOver(record: BundleRecord): HandedOverRequests | undefined {
  const renewalRequest = isPending(record.renewalRequest) ? record.renewalRequest : undefined;
  const revocations = pendingRevocations(record).map((one) => ({ ...one, retry: undefined }));
  if (renewalRequest === undefined && revocations.length === 0) return undefined;
  return patched(REQUESTS_HANDED_OVER) ? { renewalRequest, revocations } : undefined;
}

/** Takes those that were handed over. What was requested of the bundle itself precedes. */
export function acceptRequests(bundle: Bundle, { renewalRequest, revocations }: HandedOverRequests): void {
  if (!patched(REQUESTS_HANDED_OVER)) return;
  if (renewalRequest !== undefined && !isPending(bundle.record.renewalRequest)) {
    const latest = Date.now() + RENEWAL_REQUEST_LIFETIME_MS;
    const until = new Date(Math.min(latest, Date.parse(renewalRequest.until))).toISOString();
    bundle.learn({ renewalRequest: { ...renewalRequest, until } });
  }
  for (const one of revocations) {
    const { revocations: known = [] } = bundle.record;
    if (known.some(({ serialNumber }) => serialNumber === one.serialNumber)) continue;
    if (mayAddRevocation(known, one.serialNumber))
      bundle.learn({ revocations: withRevocation(known, withinTime(one, Date.now())) });
    else log.warn('Too many revocations are pending', { bundle: bundle.name, ...one });
  }
  bundle.changes.notify();
}
