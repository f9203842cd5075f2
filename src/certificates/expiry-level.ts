/** How near the expiry of a certificate is: escalates while renewals fail or are paused. Pure. */
import type { CertificateFacts } from './certificate-facts.ts';
import { renewalLead } from './planned-renewal.ts';

/** A certificate that is renewed in time stays `far`. */
export type ExpiryLevel = 'far' | 'near' | 'critical' | 'expired';

type Validity = Pick<CertificateFacts, 'notBefore' | 'notAfter'>;

/**
 * Levels by the share of the renewal lead that is left. For certificates of up to 90 days, which are renewed at half of their
 * lifetime: a quarter and a twelfth of the lifetime; for longer ones 22.5 and 7.5 days.
 */
const THRESHOLDS = [
  { level: 'near', share: 1 / 2 },
  { level: 'critical', share: 1 / 6 },
  { level: 'expired', share: 0 },
] as const;

/**
 * The expiry level at an instant.
 * @param now epoch milliseconds.
 * @param renewBeforeDays of the CertificateRequest: a smaller lead warns later.
 */
export function expiryLevel(certificate: Validity, now: number, renewBeforeDays?: number): ExpiryLevel {
  return expiryThresholds(certificate, renewBeforeDays).findLast(({ at }) => at <= now)?.level ?? 'far';
}

/**
 * When {@link expiryLevel} changes next.
 * @param now epoch milliseconds.
 * @returns epoch milliseconds, later than `now`; undefined once the certificate has expired.
 */
export function nextExpiryLevelChange(
  certificate: Validity,
  now: number,
  renewBeforeDays?: number,
): number | undefined {
  return expiryThresholds(certificate, renewBeforeDays).find(({ at }) => at > now)?.at;
}

function expiryThresholds(certificate: Validity, renewBeforeDays: number | undefined) {
  const { beforeMs } = renewalLead(certificate, renewBeforeDays);
  const notAfter = Date.parse(certificate.notAfter);
  return THRESHOLDS.map(({ level, share }) => ({ level, at: Math.ceil(notAfter - beforeMs * share) }));
}
