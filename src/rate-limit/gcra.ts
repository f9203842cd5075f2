/**
 * The generic cell rate algorithm (ITU-T I.371 appendix I), by which Let's Encrypt counts too: a limit's whole state is one
 * instant, the theoretical arrival time, at which all that was used is available again. Pure.
 *
 * Instants are milliseconds of any one clock; a state that does not exist yet is `undefined`.
 */

/** How many are allowed, and how fast more become allowed. */
export interface RateLimit {
  /** How many are allowed at once when none was used for a while; at least 1. */
  readonly burst: number;
  /** After each of these, one more is allowed. */
  readonly intervalMs: number;
}

/** A limit of so many a second, a second's worth of them at once. */
export function perSecond(count: number): RateLimit {
  return { burst: Math.max(1, count), intervalMs: 1_000 / count };
}

/** @returns when the next one is allowed: `now` or later. */
export function allowedAt(theoreticalArrival: number | undefined, limit: RateLimit, now: number): number {
  return Math.max(now, (theoreticalArrival ?? now) - (limit.burst - 1) * limit.intervalMs);
}

/** @returns the theoretical arrival time once one more is used at the instant `at`. */
export function recordUse(theoreticalArrival: number | undefined, limit: RateLimit, at: number): number {
  return Math.max(theoreticalArrival ?? at, at) + limit.intervalMs;
}

/** States that are kept before those that have nothing used are removed. */
const MAX_STATES = 1_000;

/** One limit for each of many keys. */
export class KeyedRateLimiter {
  readonly #limit: RateLimit;
  readonly #states = new Map<string, number>();

  constructor(limit: RateLimit) {
    this.#limit = limit;
  }

  /**
   * Uses one where that is allowed.
   * @param now of a monotonic clock.
   * @returns 0 when it is used; else the milliseconds until one is allowed.
   */
  tryAcquire(key: string, now: number): number {
    const state = this.#states.get(key);
    const wait = allowedAt(state, this.#limit, now) - now;
    if (wait > 0) return Math.ceil(wait);
    this.#states.set(key, recordUse(state, this.#limit, now));
    if (this.#states.size > MAX_STATES) {
      for (const [unused, arrival] of this.#states) if (arrival <= now) this.#states.delete(unused);
    }
    return 0;
  }
}
