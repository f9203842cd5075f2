/** certman enforces the CA's limit itself: a defect in certman or the CA must not become a loop of orders. Pure. */
import { allowedAt, type RateLimit, recordUse } from './gcra.ts';
import { CERTIFICATES_PER_EXACT_SET } from './limits.ts';

/** A short-lived certificate may be replaced this often in its life: twice what renewals at half of it need. */
const ORDERS_PER_LIFETIME = 4;

/** Even certificates that have expired when they are issued are not ordered without a pause. */
const MIN_INTERVAL_MS = 1000;

/** Sets whose use is kept: a name that alternates between so many sets is limited as if it stayed in one. */
const MAX_TRACKED_SETS = 4;

/**
 * The limit of a set of names.
 * @param lifetimeMs of its certificates; undefined when not known: the longest interval.
 */
export function exactSetLimit(lifetimeMs: number | undefined): RateLimit {
  const { burst, intervalMs: longest } = CERTIFICATES_PER_EXACT_SET;
  const byLifetime = Math.max(MIN_INTERVAL_MS, (lifetimeMs ?? Number.POSITIVE_INFINITY) / ORDERS_PER_LIFETIME);
  return { burst, intervalMs: Math.min(longest, byLifetime) };
}

/** The lifetime of the certificates that a set had last, where its limit was one for short-lived ones. Milliseconds. */
export function lastLifetimeMs(state: RateLimitState, nameSet: string): number | undefined {
  const intervalMs = state.find((one) => one.nameSet === nameSet)?.intervalMs;
  if (intervalMs === undefined || intervalMs >= CERTIFICATES_PER_EXACT_SET.intervalMs) return undefined;
  return intervalMs * ORDERS_PER_LIFETIME;
}

/** What the CA counts by: a set of names at a CA. */
export interface ExactSet {
  /** `nameSetDigest` of the names. */
  readonly nameSet: string;
  /** Host of the CA's directory; undefined when it is not known, so that it may be any. */
  readonly caHost?: string;
}

interface ExactSetUsage extends ExactSet {
  /** RFC 3339. */
  readonly theoreticalArrival: string;
  /** The limit's interval when it was last used; holds while no lifetime is known, since the Secret is lost. */
  readonly intervalMs: number;
}

/** State of the limit for each set of names, last used first. */
export type RateLimitState = readonly ExactSetUsage[];

/**
 * When the next order for a set is allowed: `now`, or later by at most the limit's period. Epoch milliseconds.
 * @param lifetimeMs of the present certificate; undefined when none is known.
 */
export function orderAllowedAt(
  state: RateLimitState,
  set: ExactSet,
  lifetimeMs: number | undefined,
  now: number,
): number {
  const { limit, periodMs, arrival } = usageOf(state, set, lifetimeMs);
  const allowed = allowedAt(arrival, limit, now);
  // A wait longer than the limit's period was recorded by another clock, or for another lifetime.
  return allowed - now > periodMs ? now : Math.ceil(allowed);
}

/**
 * The state after the CA has, or may have, issued. Failed orders do not count, as at the CA: see the retry schedule.
 * @param lifetimeMs of the issued certificate; undefined when not known. @param now epoch milliseconds.
 */
export function recordIssuance(
  state: RateLimitState,
  set: ExactSet,
  lifetimeMs: number | undefined,
  now: number,
): RateLimitState {
  const { used, limit, periodMs, arrival } = usageOf(state, set, lifetimeMs);
  const latest = {
    nameSet: set.nameSet,
    caHost: set.caHost ?? used?.caHost,
    theoreticalArrival: new Date(Math.min(recordUse(arrival, limit, now), now + periodMs)).toISOString(),
    intervalMs: limit.intervalMs,
  };
  const others = state.filter((one) => one !== used && Date.parse(one.theoreticalArrival) > now);
  return [latest, ...others].slice(0, MAX_TRACKED_SETS);
}

/** Sets at different CAs count apart; one whose CA is not known may be at any. */
function isSameSet(one: ExactSet, other: ExactSet): boolean {
  if (one.nameSet !== other.nameSet) return false;
  return one.caHost === undefined || other.caHost === undefined || one.caHost === other.caHost;
}

/** How much of which limit a set has used. `arrival`: theoretical, epoch milliseconds. */
function usageOf(state: RateLimitState, set: ExactSet, lifetimeMs: number | undefined) {
  const used = state.find((one) => isSameSet(one, set));
  const { burst, intervalMs: byLifetime } = exactSetLimit(lifetimeMs);
  const intervalMs = lifetimeMs === undefined ? (used?.intervalMs ?? byLifetime) : byLifetime;
  const arrival = used && Date.parse(used.theoreticalArrival);
  return { used, limit: { burst, intervalMs }, periodMs: burst * intervalMs, arrival };
}
