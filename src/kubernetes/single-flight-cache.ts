/** One value, loaded when asked for: concurrent callers share one load, a success is kept for a while, a failure never. */
export class SingleFlightCache<Value> {
  readonly #load: () => Promise<Value>;
  readonly #keepMs: number;
  #held: { readonly value: Promise<Value>; until: number } | undefined;

  /** @param keepMs how long a loaded value is handed out without asking again. */
  constructor(load: () => Promise<Value>, keepMs: number) {
    this.#load = load;
    this.#keepMs = keepMs;
  }

  get(): Promise<Value> {
    if (this.#held !== undefined && performance.now() < this.#held.until) return this.#held.value;
    const held = { value: this.#load(), until: Number.POSITIVE_INFINITY };
    this.#held = held;
    held.value.then(
      () => {
        held.until = performance.now() + this.#keepMs;
      },
      () => {
        if (this.#held === held) this.#held = undefined;
      },
    );
    return held.value;
  }

  /** The next caller loads anew. */
  invalidate(): void {
    this.#held = undefined;
  }
}
