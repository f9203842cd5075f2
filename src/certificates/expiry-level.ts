import { type Validity, type ValidityMs, validityMs } from './certificate-facts.ts';
import { renewalLeadMs } from './planned-renewal.ts';

/** Escalates while renewals fail or are paused; a certificate that is renewed in time stays `far`. */
export type ExpiryLevel = 'far' | 'near' | 'critical' | 'expired';

// By the share of the renewal lead that is left: of certificates of up to 90 days, renewed at half of their lifetime, a
// quarter and a twelfth of it; of longer ones 22.5 and 7.5 days.
const THRESHOLDS = [
  { level: 'near', share: 1 / 2 },
  { level: 'critical', share: 1 / 6 },
  { level: 'expired', share: 0 },
] as const;

/** The expiry level at `now` (epoch milliseconds). A smaller `renewBeforeDays` warns later. */
export function expiryLevel(certificate: Validity, now: number, renewBeforeDays?: number): ExpiryLevel {
  return expiryLevelMs(validityMs(certificate), now, renewBeforeDays);
}

/** As {@link expiryLevel}, for a whole fleet: nothing is parsed or kept. */
export function expiryLevelMs(certificate: ValidityMs, now: number, renewBeforeDays?: number): ExpiryLevel {
  const leadMs = renewalLeadMs(certificate, renewBeforeDays);
  return THRESHOLDS.findLast(({ share }) => thresholdAt(certificate, leadMs, share) <= now)?.level ?? 'far';
}

/** When {@link expiryLevel} changes next after `now` (epoch milliseconds); undefined once expired. */
export function nextExpiryLevelChange(
  certificate: Validity,
  now: number,
  renewBeforeDays?: number,
): number | undefined {
  return expiryThresholds(certificate, renewBeforeDays).find(({ at }) => at > now)?.at;
}

/**
 * When an order that has a turn asks again (epoch milliseconds): then, or when the certificate in use comes nearer to
 * its expiry, which may give the order an earlier turn.
 * @param certificate in use, if there is one.
 */
export function askAgainAt(
  turn: number,
  certificate: Validity | undefined,
  now: number,
  renewBeforeDays?: number,
): number {
  const nearer = certificate && nextExpiryLevelChange(certificate, now, renewBeforeDays);
  return Math.min(turn, nearer ?? turn);
}

/** From when (epoch milliseconds) which level holds, earliest first. */
export function expiryThresholds(
  certificate: Validity,
  renewBeforeDays: number | undefined,
): readonly { readonly level: ExpiryLevel; readonly at: number }[] {
  const validity = validityMs(certificate);
  const leadMs = renewalLeadMs(validity, renewBeforeDays);
  return THRESHOLDS.map(({ level, share }) => ({ level, at: thresholdAt(validity, leadMs, share) }));
}

function thresholdAt({ notAfter }: ValidityMs, leadMs: number, share: number): number {
  return Math.ceil(notAfter - leadMs * share);
}
