import type { CertificateFacts } from './certificate-facts.ts';
import { followsWindow, type PlannedRenewal, type RenewalTerms, renewalLead } from './planned-renewal.ts';

/**
 * The share of the renewal lead that is left at the latest renewal that may be postponed: of a certificate of 90 days, 27
 * days. The expiry is near later, at a half (expiry-level.ts), so that a renewal that waits is never reported as late.
 */
const MIN_LEAD_SHARE = 0.6;

/**
 * How long a planned renewal may be postponed, in epoch milliseconds; undefined: not at all. One that follows the CA's
 * window (policy `ari`) stays within it; an instant that the CA suggests before the plan is obeyed.
 */
export function latestRenewal(
  certificate: CertificateFacts,
  { reason }: Pick<PlannedRenewal, 'reason'>,
  terms: Pick<RenewalTerms, 'policy' | 'renewBeforeDays' | 'suggestedWindow'>,
): number | undefined {
  const { beforeMs } = renewalLead(certificate, terms.renewBeforeDays);
  const safe = Math.floor(Date.parse(certificate.notAfter) - beforeMs * MIN_LEAD_SHARE);
  if (reason !== 'SuggestedByCa') return safe;
  return followsWindow(terms) ? Math.min(safe, Date.parse(terms.suggestedWindow?.end ?? '')) : undefined;
}
