/**
 * When a failed issuance is tried again. Pure.
 */
import type { FailureInfo } from '../failures/failure.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

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

/**
 * The instant of the next attempt.
 * @param failedAttempts consecutive failures so far, this one included (>= 1).
 * @param now epoch milliseconds.
 * @returns epoch milliseconds; never earlier than the failure's own `notBefore`.
 */
export function nextAttemptAt(failure: FailureInfo, failedAttempts: number, now: number): number {
  const delays = failure.stance === 'soon' ? OUTAGE_DELAYS_MS : RETRY_DELAYS_MS;
  const step = Math.min(Math.max(failedAttempts, 1), delays.length) - 1;
  const scheduled = now + (delays[step] ?? DAY_MS);
  const told = failure.notBefore === undefined ? 0 : Date.parse(failure.notBefore);
  return Number.isFinite(told) ? Math.max(scheduled, told) : scheduled;
}
