/**
 * When a failed issuance is tried again. Pure.
 */
import type { FailureInfo } from '../failures/failure.ts';
import { FAILED_AUTHORIZATIONS_PER_NAME } from '../rate-limit/limits.ts';
import type { CertificateFacts } from './certificate-facts.ts';
import { lifetimeOf } from './planned-renewal.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/**
 * Let's Encrypt asks clients to retry after 1, 10 and 100 minutes, then daily.
 * Source: https://letsencrypt.org/docs/integration-guide/ ("Retrying failures").
 */
export const RETRY_DELAYS_MS = [MINUTE_MS, 10 * MINUTE_MS, 100 * MINUTE_MS, DAY_MS] as const;

/**
 * An outage of the CA, the DNS or the API server is nobody's refusal: a day of silence after it would be the fault of the
 * schedule, not of the outage. Each try costs the other side nothing while it is away.
 */
export const OUTAGE_DELAYS_MS = [MINUTE_MS / 2, MINUTE_MS, 5 * MINUTE_MS, 10 * MINUTE_MS] as const;

/** However near the expiry: after this, one more authorization of a name may fail. */
const MIN_RETRY_DELAY_MS = FAILED_AUTHORIZATIONS_PER_NAME.intervalMs;

/** A certificate of a few hours has no 12 minutes to lose. */
const MIN_RETRY_DELAY_SHARE = 1 / 50;

/** Of the time left until the certificate in use expires, no more than this passes between two attempts. */
const MAX_SHARE_OF_TIME_LEFT = 1 / 4;

/**
 * The instant of the next attempt: by the schedule, the sooner the nearer the certificate in use is to its end.
 * @param failedAttempts consecutive failures so far, this one included (>= 1).
 * @param now epoch milliseconds.
 * @param certificate the one to be replaced, where there is one.
 * @returns epoch milliseconds; never earlier than the failure's own `notBefore`, and exactly that where certman itself has
 * counted it: a limit that is over needs no pause on top.
 */
export function nextAttemptAt(
  failure: FailureInfo,
  failedAttempts: number,
  now: number,
  certificate?: Pick<CertificateFacts, 'notBefore' | 'notAfter'>,
): number {
  const delays = failure.retry === 'transient' ? OUTAGE_DELAYS_MS : RETRY_DELAYS_MS;
  const step = Math.min(Math.max(failedAttempts, 1), delays.length) - 1;
  const delay = delays[step] ?? DAY_MS;
  const longest = certificate === undefined ? delay : maxDelay(certificate, now);
  const scheduled = now + Math.min(delay, longest);
  const told = failure.notBefore === undefined ? Number.NaN : Date.parse(failure.notBefore);
  if (!Number.isFinite(told)) return scheduled;
  return failure.code === 'rateLimit/exactSet' ? Math.max(now, told) : Math.max(scheduled, told);
}

/** Hurries towards the end; once the damage is done, hourly, then ever slower until daily: nobody seems to miss it. */
function maxDelay(certificate: Pick<CertificateFacts, 'notBefore' | 'notAfter'>, now: number): number {
  const left = Date.parse(certificate.notAfter) - now;
  if (left <= 0) return Math.min(Math.max(-left, HOUR_MS), DAY_MS);
  const shortest = Math.min(MIN_RETRY_DELAY_MS, lifetimeOf(certificate) * MIN_RETRY_DELAY_SHARE);
  return Math.ceil(Math.max(left * MAX_SHARE_OF_TIME_LEFT, shortest));
}
