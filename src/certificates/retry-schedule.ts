import type { FailureInfo } from '../failures/failure.ts';
import type { Validity } from './certificate-facts.ts';
import { lifetimeOf } from './planned-renewal.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Delays after refusals, by https://letsencrypt.org/docs/integration-guide/ ("Retrying failures"). */
export const RETRY_DELAYS_MS = [MINUTE_MS, 10 * MINUTE_MS, 100 * MINUTE_MS, DAY_MS] as const;

/** Delays in an outage: retries cost nothing while the other side is unavailable, and must not outlast it by a day. */
export const OUTAGE_DELAYS_MS = [MINUTE_MS / 2, MINUTE_MS, 5 * MINUTE_MS, 10 * MINUTE_MS] as const;

/** Let's Encrypt refills one failed authorization of a name every 12 minutes (docs/rate-limits). */
const MIN_RETRY_DELAY_MS = 12 * MINUTE_MS;

/** Share of the lifetime that replaces the 12 minutes for certificates of a few hours. */
const MIN_RETRY_DELAY_SHARE = 1 / 50;

/** Upper bound of a delay, as a share of the time until the certificate in use expires. */
const MAX_SHARE_OF_TIME_LEFT = 1 / 4;

/**
 * The next attempt: by the schedule, sooner as the certificate in use nears its expiry. In epoch milliseconds.
 * @param failedAttempts consecutive, including this one (>= 1).
 * @returns never before the failure's `notBefore`; exactly that for certman's own rate limit.
 */
export function nextAttemptAt(
  failure: FailureInfo,
  failedAttempts: number,
  now: number,
  certificate?: Validity,
): number {
  const delays = failure.retry === 'transient' ? OUTAGE_DELAYS_MS : RETRY_DELAYS_MS;
  const delay = delays[Math.min(Math.max(failedAttempts, 1), delays.length) - 1] ?? DAY_MS;
  const scheduled = now + (certificate === undefined ? delay : Math.min(delay, maxDelay(certificate, now)));
  const notBefore = Date.parse(failure.notBefore ?? '');
  if (!Number.isFinite(notBefore)) return scheduled;
  return Math.max(failure.code === 'rateLimit/exactSet' ? now : scheduled, notBefore);
}

/** Before expiry a share of the time left; after it the time since, between an hour and a day. */
function maxDelay(certificate: Validity, now: number): number {
  const left = Date.parse(certificate.notAfter) - now;
  if (left <= 0) return Math.min(Math.max(-left, HOUR_MS), DAY_MS);
  const shortest = Math.min(MIN_RETRY_DELAY_MS, lifetimeOf(certificate) * MIN_RETRY_DELAY_SHARE);
  return Math.ceil(Math.max(left * MAX_SHARE_OF_TIME_LEFT, shortest));
}
