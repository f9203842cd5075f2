import { type FailureInfo, isOwnLimit } from '../failures/failure.ts';
import type { Validity } from './certificate-facts.ts';
import { stableFraction } from './digest.ts';
import { lifetimeOf } from './planned-renewal.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Longest delays after refusals, by https://letsencrypt.org/docs/integration-guide/ ("Retrying failures"). */
export const RETRY_DELAYS_MS = [MINUTE_MS, 10 * MINUTE_MS, 100 * MINUTE_MS, DAY_MS] as const;

/** Longest delays in an outage: retries cost nothing while the other side is unavailable, and must not outlast it. */
export const OUTAGE_DELAYS_MS = [MINUTE_MS / 2, MINUTE_MS, 5 * MINUTE_MS, 10 * MINUTE_MS] as const;

/** Let's Encrypt refills one failed authorization of a name every 12 minutes (docs/rate-limits). */
const MIN_RETRY_DELAY_MS = 12 * MINUTE_MS;

/** Share of the lifetime that replaces the 12 minutes for certificates of a few hours. */
const MIN_RETRY_DELAY_SHARE = 1 / 50;

/** Where the instant of certman's own limit has passed: the clock of the worker that stated it may be behind this one. */
const OWN_LIMIT_RETRY_MS = 5_000;

/** Upper bound of a delay, as a share of the time until the certificate in use expires. */
const MAX_SHARE_OF_TIME_LEFT = 1 / 4;

/** Attempts are spread over this share of a wait that the other side stated, after it: many received the same instant. */
const SPREAD_SHARE_OF_WAIT = 1 / 10;

/**
 * The next attempt, in epoch milliseconds: by the schedule, sooner as the certificate in use nears its expiry. With full
 * jitter: between the schedule's previous delay and this one, so that what failed together is not retried together.
 * @param failedAttempts consecutive, including this one (>= 1).
 * @param jitterKey of what is attempted; the instant follows from it, so that it can be computed again.
 * @returns never before the failure's `notBefore`; exactly that for certman's own rate limits, while it lies ahead.
 */
export function nextAttemptAt(
  failure: FailureInfo,
  failedAttempts: number,
  now: number,
  jitterKey: string,
  certificate?: Validity,
): number {
  const stated = Date.parse(failure.notBefore ?? '');
  if (isOwnLimit(failure.code) && Number.isFinite(stated)) return stated > now ? stated : now + OWN_LIMIT_RETRY_MS;
  const delays = delayRange(failure, failedAttempts, now, certificate);
  let earliest = now + delays.min;
  let latest = now + delays.max;
  if (stated > now) {
    const spread = Math.max(delays.max, (stated - now) * SPREAD_SHARE_OF_WAIT);
    earliest = Math.max(earliest, stated);
    latest = Math.max(latest, stated + Math.min(spread, maxDelay(certificate, stated)));
  }
  // Whole milliseconds, as instants are shown.
  return Math.ceil(earliest + stableFraction(`${jitterKey} ${failedAttempts}`) * (latest - earliest));
}

function delayRange(failure: FailureInfo, failedAttempts: number, now: number, certificate: Validity | undefined) {
  const delays = failure.retry === 'transient' ? OUTAGE_DELAYS_MS : RETRY_DELAYS_MS;
  const index = Math.min(Math.max(failedAttempts, 1), delays.length) - 1;
  const longest = delays[index] ?? DAY_MS;
  const max = Math.min(longest, maxDelay(certificate, now));
  const shortest = certificate === undefined ? 0 : Math.min(max, minDelay(certificate));
  return { min: Math.min(delays[index - 1] ?? longest / 2, Math.max(max / 2, shortest)), max };
}

/** Before expiry a share of the time left; after it the time since, between an hour and a day. */
function maxDelay(certificate: Validity | undefined, now: number): number {
  if (certificate === undefined) return Number.POSITIVE_INFINITY;
  const left = Date.parse(certificate.notAfter) - now;
  if (left <= 0) return Math.min(Math.max(-left, HOUR_MS), DAY_MS);
  return Math.ceil(Math.max(left * MAX_SHARE_OF_TIME_LEFT, minDelay(certificate)));
}

function minDelay(certificate: Validity): number {
  return Math.min(MIN_RETRY_DELAY_MS, lifetimeOf(certificate) * MIN_RETRY_DELAY_SHARE);
}
