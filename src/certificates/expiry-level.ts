import type { Validity } from './certificate-facts.ts';
import { renewalLead } from './planned-renewal.ts';

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
  return levelAt(expiryThresholds(certificate, renewBeforeDays), now);
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
export type ExpiryThresholds = readonly { readonly level: ExpiryLevel; readonly at: number }[];

/** The level at `now` (epoch milliseconds). */
export function levelAt(thresholds: ExpiryThresholds, now: number): ExpiryLevel {
  return thresholds.findLast(({ at }) => at <= now)?.level ?? 'far';
}

/** Does not change with time: for many certificates, it is computed once for each. */
export function expiryThresholds(certificate: Validity, renewBeforeDays: number | undefined): ExpiryThresholds {
  const { beforeMs } = renewalLead(certificate, renewBeforeDays);
  const notAfter = Date.parse(certificate.notAfter);
  return THRESHOLDS.map(({ level, share }) => ({ level, at: Math.ceil(notAfter - beforeMs * share) }));
}
