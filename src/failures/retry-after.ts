/** Longest Retry-After that is believed; Let's Encrypt's longest limit counts over seven days. */
const MAX_RETRY_AFTER_MS = 14 * 24 * 3_600_000;

/**
 * The instant a Retry-After header names (RFC 9110 §10.2.3: seconds, or an HTTP date).
 * @returns undefined when there is none, it cannot be read, or it lies in the past.
 */
export function parseRetryAfter(header: string | undefined, now: Date): Date | undefined {
  const text = header?.trim();
  if (text === undefined || text === '') return undefined;
  const wait = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now.getTime();
  if (!Number.isFinite(wait) || wait <= 0) return undefined;
  return new Date(now.getTime() + Math.min(wait, MAX_RETRY_AFTER_MS));
}
