/** One value, loaded when asked for: concurrent callers share one load, a success is kept for a while, a failure never. */
export class SingleFlightCache<Value> {
  readonly #load: () => Promise<Value>;
  readonly #ttlMs: number;
  #entry: { readonly value: Promise<Value>; until: number } | undefined;

  /** @param keepMs how long a loaded value is handed out without asking again. */
  constructor(load: () => Promise<Value>, keepMs: number) {
    this.#load = load;
    this.#ttlMs = keepMs;
  }

  get(): Promise<Value> {
    if (this.#entry !== undefined && performance.now() < this.#entry.until) return this.#entry.value;
    const held = { value: this.#load(), until: Number.POSITIVE_INFINITY };
    this.#entry = held;
    void this.#settle(held);
    return held.value;
  }

  async #settle(held: { readonly value: Promise<Value>; until: number }): Promise<void> {
    try {
      await held.value;
      held.until = performance.now() + this.#ttlMs;
    } catch {
      // Everybody who waits for the value has the error; here it only must not be kept.
      if (this.#entry === held) this.#entry = undefined;
    }
  }

  /** The next caller loads anew. */
  invalidate(): void {
    this.#entry = undefined;
  }
}
