/** Generic cell rate algorithm (ITU-T I.371 appendix I), as at Let's Encrypt. Instants: milliseconds of one clock. */

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

/** @returns the theoretical arrival time, at which all that was used is available again, after a use at `at`. */
export function recordUse(theoreticalArrival: number | undefined, limit: RateLimit, at: number): number {
  return Math.max(theoreticalArrival ?? at, at) + limit.intervalMs;
}

/** Beyond so many states, those that have nothing used are removed. */
const MAX_STATES = 1_000;

/** One limit for each of many keys. */
export class KeyedRateLimiter {
  readonly #limit: RateLimit;
  readonly #states = new Map<string, number>();

  constructor(limit: RateLimit) {
    this.#limit = limit;
  }

  /** Uses one, now or later. @param now of the clock that all calls use. @returns when it is allowed: `now` or later. */
  reserve(key: string, now: number): number {
    const state = this.#states.get(key);
    const at = Math.ceil(allowedAt(state, this.#limit, now));
    this.#use(key, state, at, now);
    return at;
  }

  /** Uses one if allowed. @param now of a monotonic clock. @returns 0, else the milliseconds until one is allowed. */
  tryAcquire(key: string, now: number): number {
    const state = this.#states.get(key);
    const wait = allowedAt(state, this.#limit, now) - now;
    if (wait > 0) return Math.ceil(wait);
    this.#use(key, state, now, now);
    return 0;
  }

  /** Gives back one that was used for nothing. */
  release(key: string): void {
    const state = this.#states.get(key);
    if (state !== undefined) this.#states.set(key, state - this.#limit.intervalMs);
  }

  #use(key: string, state: number | undefined, at: number, now: number): void {
    this.#states.set(key, recordUse(state, this.#limit, at));
    if (this.#states.size <= MAX_STATES) return;
    for (const [unused, arrival] of this.#states) if (arrival <= now) this.#states.delete(unused);
  }
}
