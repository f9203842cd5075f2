import type { BundleRef } from '../contract/activities/bundle-ref.ts';
import type { OwnershipProof } from '../contract/activities/txt-records.ts';
import { notAskedFor } from '../kubernetes/objects/asked-for.ts';
import type { IssuanceContext } from './context.ts';

/** Longer than an order takes that waits for its turn in its zone, and whose other steps are all retried to their end. */
const MAX_AGE_MS = 4 * 3_600_000;

/** What a step of a standalone request's order is for. */
export interface ClaimedNames extends BundleRef {
  readonly dnsNames: readonly string[];
  readonly ownershipProof?: OwnershipProof;
}

/**
 * Requires that `verifyPropagation` has lately seen a record of this request at each of these names.
 * @throws CertmanError `kubernetes/notAskedFor`.
 */
export function requireOwnershipProof(
  { ca, seals = ca.session.seals }: Pick<IssuanceContext, 'ca' | 'seals'>,
  { cluster, dnsNames, ownershipProof }: ClaimedNames,
  now = Date.now(),
): void {
  const { verifiedAt = '', seal } = ownershipProof ?? {};
  if (!seals.verify(cluster, { of: 'ownership', dnsNames, verifiedAt }, seal)) {
    throw notAskedFor(cluster, 'Control of its names was not verified.');
  }
  if (Date.parse(verifiedAt) + MAX_AGE_MS > now) return;
  throw notAskedFor(cluster, `Control of its names was verified at ${verifiedAt}, which is too long ago.`);
}
