/** Revocations that are due, of a replaced certificate that its cluster still serves. Pure. */

/** Such a revocation is tried again after a quarter of the time since the replacement, at least this. */
const MIN_CHECK_MS = 30 * 60_000;
const CHECK_SHARE = 0.25;

/** When it is tried again. Instants are RFC 3339. @param latestAt when it waits no longer. @param now epoch milliseconds. */
export function nextServedCheck(replacedAt: string, latestAt: string, now: number): string {
  const at = now + Math.max(MIN_CHECK_MS, (now - Date.parse(replacedAt)) * CHECK_SHARE);
  return new Date(Math.min(at, Date.parse(latestAt))).toISOString();
}
