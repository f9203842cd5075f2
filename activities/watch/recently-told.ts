/**
 * What clusters were told lately, kept in memory until it must have shown: that it was told does not mean that it was heard,
 * since a workflow that was not running at that moment heard nothing.
 */

/** How often those whose time is over are let go. */
const SWEEP_MS = 60_000;

export class RecentlyTold<What> {
  readonly #told = new Map<string, { readonly what: What; readonly until: number }>();
  readonly #showsWithinMs: number;
  #sweptAt = Number.NEGATIVE_INFINITY;

  /** @param showsWithinMs how long after it was told it is to be seen that it was heard. */
  constructor(showsWithinMs: number) {
    this.#showsWithinMs = showsWithinMs;
  }

  /** @param now epoch milliseconds. */
  add(key: string, what: What, now: number): void {
    this.#told.set(key, { what, until: now + this.#showsWithinMs });
    if (now - this.#sweptAt < SWEEP_MS) return;
    this.#sweptAt = now;
    for (const [one, told] of this.#told) if (told.until <= now) this.#told.delete(one);
  }

  /** Entries held in memory, those included whose time is over. */
  get size(): number {
    return this.#told.size;
  }

  /** What was told and need not have shown yet. @param now epoch milliseconds. */
  of(key: string, now: number): What | undefined {
    const told = this.#told.get(key);
    return told !== undefined && told.until > now ? told.what : undefined;
  }
}
