/** When a CRL is fetched again. Pure; intervals in milliseconds. */
const HOUR_MS = 3_600_000;

/** At most four requests a day for a CRL, whatever its server allows. */
export const MIN_CRL_FETCH_INTERVAL_MS = 6 * HOUR_MS;

/** A CA lists a revoked certificate within a day (CA/Browser Forum, BR §4.9.7). */
const MAX_INTERVAL_MS = 24 * HOUR_MS;

/** Random share of the interval that is added, so that the CRLs of a fleet are not fetched all at once. */
const MAX_JITTER = 0.1;

/**
 * Interval after a fetched CRL: its `max-age`. `nextUpdate` is not used: it only says when the CRL becomes invalid, which may be
 * days after the next one is published.
 * @param maxAgeMs as in `FetchedCrl`.
 * @param random from 0 to 1.
 */
export function intervalAfterFetch(maxAgeMs: number | undefined, random: number): number {
  const interval = Math.min(Math.max(maxAgeMs ?? 0, MIN_CRL_FETCH_INTERVAL_MS), MAX_INTERVAL_MS);
  return interval * (1 + MAX_JITTER * random);
}
