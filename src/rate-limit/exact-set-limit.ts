/**
 * How often one exact set of names may be ordered: 5 certificates per 7 days, whoever orders them, with no override
 * (https://letsencrypt.org/docs/rate-limits/, "New Certificates per Exact Set of Identifiers"). Kept here so that no fault,
 * ours or the CA's, can turn into a loop of orders. A generic cell rate algorithm, which is what Let's Encrypt counts by. Pure.
 */

const HOUR_MS = 3_600_000;
const WEEK_MS = 7 * 24 * HOUR_MS;

/** Certificates that may be had at once after a week without any. */
export const EXACT_SET_BURST = 5;

/** One more of them is allowed after each of these (33.6 h; Let's Encrypt says "every 34 hours"). */
export const EXACT_SET_INTERVAL_MS = WEEK_MS / EXACT_SET_BURST;

/**
 * A certificate of a short life may be replaced this often in it. Twice what the renewals at half of its life need, so that
 * they are never held up.
 */
const ORDERS_PER_LIFETIME = 4;

/** Even certificates that expire as they are issued are no loop without a pause. */
const MIN_INTERVAL_MS = 1000;

/** Sets whose use is remembered: whatever changes to and fro between so many is held as if it stayed. */
const MAX_TRACKED_SETS = 4;

/** What the CA counts by. */
export interface ExactSet {
  /** `nameSetDigest` of the names. */
  readonly nameSet: string;
  /** Host of the CA's directory; undefined: not known, and it may be any. */
  readonly caHost?: string | undefined;
}

interface ExactSetUsage extends ExactSet {
  /** RFC 3339: GCRA's theoretical arrival time, when all that was used will have come back. */
  readonly theoreticalArrival: string;
  /** What one order costs, in milliseconds: counts on while no certificate's lifetime is known, its Secret being lost. */
  readonly intervalMs: number;
}

/** What has been used of the limit, last used first; small enough to be carried in a workflow's state. */
export type RateLimitState = readonly ExactSetUsage[];

/**
 * When the next certificate for a set of names may be ordered.
 * @param lifetimeMs of the certificate that there is; undefined: none is known.
 * @param now epoch milliseconds.
 * @returns epoch milliseconds: `now`, or later by at most the limit's whole period.
 */
export function orderAllowedAt(
  allowance: RateLimitState,
  set: ExactSet,
  lifetimeMs: number | undefined,
  now: number,
): number {
  const used = allowance.find((one) => isSameSet(one, set));
  const interval = intervalOf(lifetimeMs, used);
  const allowed = arrivalOf(used, now) - (EXACT_SET_BURST - 1) * interval;
  // Longer than the limit's period nobody waits: that was counted by another clock, or for another lifetime.
  if (allowed - now > EXACT_SET_BURST * interval) return now;
  return Math.max(now, Math.ceil(allowed));
}

/**
 * What is used after the CA has issued a certificate (or may have). Orders that came to nothing do not count, with the CA as
 * here: the retry schedule holds them.
 * @param lifetimeMs of the certificate that was issued; undefined: not known.
 * @param now epoch milliseconds.
 */
export function recordIssuance(
  allowance: RateLimitState,
  set: ExactSet,
  lifetimeMs: number | undefined,
  now: number,
): RateLimitState {
  const used = allowance.find((one) => isSameSet(one, set));
  const interval = intervalOf(lifetimeMs, used);
  const most = now + EXACT_SET_BURST * interval;
  const arrival = Math.min(Math.max(arrivalOf(used, now), now) + interval, most);
  const { nameSet, caHost = used?.caHost } = set;
  const latest = {
    nameSet,
    caHost,
    theoreticalArrival: new Date(arrival).toISOString(),
    intervalMs: interval,
  };
  const others = allowance.filter((one) => one !== used && Date.parse(one.theoreticalArrival) > now);
  return [latest, ...others].slice(0, MAX_TRACKED_SETS);
}

/** Another set of names, or the same at another CA, has used nothing yet. */
function isSameSet(one: ExactSet, other: ExactSet): boolean {
  if (one.nameSet !== other.nameSet) return false;
  return one.caHost === undefined || other.caHost === undefined || one.caHost === other.caHost;
}

function intervalOf(lifetimeMs: number | undefined, used: ExactSetUsage | undefined): number {
  if (lifetimeMs === undefined) return used?.intervalMs ?? EXACT_SET_INTERVAL_MS;
  return Math.min(EXACT_SET_INTERVAL_MS, Math.max(MIN_INTERVAL_MS, lifetimeMs / ORDERS_PER_LIFETIME));
}

function arrivalOf(used: ExactSetUsage | undefined, now: number): number {
  return used === undefined ? now : Date.parse(used.theoreticalArrival);
}
