/**
 * What clusters were told lately, kept in memory until it must have shown: that it was told does not mean that it was heard,
 * since a workflow that was not running at that moment heard nothing.
 */

/** How often those whose time is over are let go. */
const EVICTION_INTERVAL_MS = 60_000;

export class RecentSignals<What> {
  readonly #signals = new Map<string, { readonly what: What; readonly until: number }>();
  readonly #ttlMs: number;
  #evictedAt = Number.NEGATIVE_INFINITY;

  /** @param showsWithinMs how long after it was told it is to be seen that it was heard. */
  constructor(showsWithinMs: number) {
    this.#ttlMs = showsWithinMs;
  }

  /** @param now epoch milliseconds. */
  add(key: string, what: What, now: number): void {
    this.#signals.set(key, { what, until: now + this.#ttlMs });
    if (now - this.#evictedAt < EVICTION_INTERVAL_MS) return;
    this.#evictedAt = now;
    for (const [one, told] of this.#signals) if (told.until <= now) this.#signals.delete(one);
  }

  /** Entries held in memory, those included whose time is over. */
  get size(): number {
    return this.#signals.size;
  }

  /** What was told and need not have shown yet. @param now epoch milliseconds. */
  get(key: string, now: number): What | undefined {
    const told = this.#signals.get(key);
    return told !== undefined && told.until > now ? told.what : undefined;
  }
}
