/** How near a certificate is to its end: what escalates while renewals fail, or a pause lasts. Pure. */
import type { CertificateFacts } from './certificate-facts.ts';
import { renewalLead } from './planned-renewal.ts';

/** `far`: as long as all goes well. */
export type ExpiryLevel = 'far' | 'near' | 'critical' | 'expired';

/**
 * Shares of the time between a renewal that was due and the expiry. For the certificates of up to 90 days that are renewed at
 * half of their life: a quarter and a twelfth of the lifetime; for longer ones 22.5 and 7.5 days.
 */
const NEAR_SHARE = 1 / 2;
const CRITICAL_SHARE = 1 / 6;

/**
 * How near its end a certificate is. One that is renewed in time never gets beyond `far`.
 * @param now epoch milliseconds.
 * @param renewBeforeDays as the user set it: who renews late on purpose is warned later.
 */
export function expiryLevel(
  certificate: Pick<CertificateFacts, 'notBefore' | 'notAfter'>,
  now: number,
  renewBeforeDays?: number,
): ExpiryLevel {
  let nearness: ExpiryLevel = 'far';
  for (const turn of expiryThresholds(certificate, renewBeforeDays)) {
    if (turn.at <= now) nearness = turn.into;
  }
  return nearness;
}

/**
 * When the answer of `expiryNearness` is the next one.
 * @param now epoch milliseconds.
 * @returns epoch milliseconds, later than `now`; undefined once the certificate has expired.
 */
export function nextExpiryLevelChange(
  certificate: Pick<CertificateFacts, 'notBefore' | 'notAfter'>,
  now: number,
  renewBeforeDays?: number,
): number | undefined {
  return expiryThresholds(certificate, renewBeforeDays).find((turn) => turn.at > now)?.at;
}

function expiryThresholds(
  certificate: Pick<CertificateFacts, 'notBefore' | 'notAfter'>,
  renewBeforeDays: number | undefined,
): readonly { readonly into: ExpiryLevel; readonly at: number }[] {
  const notAfter = Date.parse(certificate.notAfter);
  const { beforeMs: before } = renewalLead(certificate, renewBeforeDays);
  return [
    { into: 'near', at: Math.ceil(notAfter - before * NEAR_SHARE) },
    { into: 'critical', at: Math.ceil(notAfter - before * CRITICAL_SHARE) },
    { into: 'expired', at: notAfter },
  ];
}
