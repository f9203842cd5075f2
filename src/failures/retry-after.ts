/** The longest rate limit of Let's Encrypt spans seven days. */
const MAX_RETRY_AFTER_MS = 14 * 24 * 3_600_000;

/**
 * Parses Retry-After (RFC 9110 §10.2.3): seconds or an HTTP date; undefined: absent, malformed, or in the past.
 * @param maxMs a longer time is cut to this.
 */
export function parseRetryAfter(header: string | undefined, now: Date, maxMs = MAX_RETRY_AFTER_MS): Date | undefined {
  const text = header?.trim() ?? '';
  const wait = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now.getTime();
  return wait > 0 ? new Date(now.getTime() + Math.min(wait, maxMs)) : undefined;
}
