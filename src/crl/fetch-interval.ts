const HOUR_MS = 3_600_000;

/** At most four requests a day for a CRL, whatever its server allows. */
export const MIN_CRL_FETCH_INTERVAL_MS = 6 * HOUR_MS;

/** A CA lists a revoked certificate within a day (CA/Browser Forum, BR §4.9.7). */
const MAX_INTERVAL_MS = 24 * HOUR_MS;

/** Milliseconds, by `max-age`: `nextUpdate` may be days after the next CRL is published. */
export function intervalAfterFetch(maxAgeMs: number | undefined): number {
  return Math.min(Math.max(maxAgeMs ?? 0, MIN_CRL_FETCH_INTERVAL_MS), MAX_INTERVAL_MS);
}
