/** When a list of revoked certificates is fetched again. Pure; intervals in milliseconds. */
const HOUR_MS = 3_600_000;

/** Four requests a day for a list, whatever its server says. */
export const MIN_CRL_FETCH_INTERVAL_MS = 6 * HOUR_MS;

/** A CA has a day to list what it has revoked (CA/Browser Forum, BR §4.9.7): to be as slow again is enough. */
const MAX_INTERVAL_MS = 24 * HOUR_MS;

/** What is later by chance, so that the lists of a fleet are not fetched in one go for ever. */
const MAX_JITTER = 0.1;

const RETRY_INTERVAL_MS = HOUR_MS;

/**
 * After a list that was fetched: when what the server says of how long it may be kept is over. That a newer one is announced
 * (nextUpdate) says only when the old one is void, which may be days after the newer one is there.
 * @param maxAgeMs as in `FetchedList`.
 * @param chance from 0 to 1.
 */
export function intervalAfterFetch(maxAgeMs: number | undefined, chance: number): number {
  const told = Math.min(Math.max(maxAgeMs ?? 0, MIN_CRL_FETCH_INTERVAL_MS), MAX_INTERVAL_MS);
  return told * (1 + MAX_JITTER * chance);
}

/**
 * After a server that did not answer: within the hour, but not before it says.
 * @param retryAfterMs as it says; undefined when it does not.
 * @param chance from 0 to 1.
 */
export function intervalAfterFailure(retryAfterMs: number | undefined, chance: number): number {
  return Math.max(RETRY_INTERVAL_MS * (0.5 + chance / 2), Math.min(retryAfterMs ?? 0, MAX_INTERVAL_MS));
}
