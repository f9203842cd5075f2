/** A bounded cache by key: concurrent callers share one load, a success is kept for a while, a failure never. */
export class KeyedCache<Value> {
  readonly #keepMs: number;
  readonly #capacity: number;
  readonly #entries = new Map<string, CacheEntry<Value>>();

  constructor(options: { readonly keepMs: number; readonly capacity: number }) {
    this.#keepMs = options.keepMs;
    this.#capacity = options.capacity;
  }

  /** @param keepMs for this value, when it is known only once loaded. */
  get(key: string, load: () => Promise<Value>, keepMs?: (value: Value) => number): Promise<Value> {
    const held = this.#entries.get(key);
    if (held !== undefined && performance.now() < held.until) return held.value;
    const entry: CacheEntry<Value> = { value: load(), until: Number.POSITIVE_INFINITY };
    // Deleted first, so that the oldest load is the first of the map and the one to go.
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (this.#entries.size > this.#capacity) {
      const oldest = this.#entries.keys().next();
      if (oldest.done !== true) this.#entries.delete(oldest.value);
    }
    void this.#settle(key, entry, keepMs);
    return entry.value;
  }

  /** The next caller loads anew. */
  invalidate(key: string): void {
    this.#entries.delete(key);
  }

  async #settle(key: string, entry: CacheEntry<Value>, keepMs?: (value: Value) => number): Promise<void> {
    try {
      const value = await entry.value;
      entry.until = performance.now() + (keepMs?.(value) ?? this.#keepMs);
    } catch {
      // The callers have the error; the next one tries anew.
      if (this.#entries.get(key) === entry) this.#entries.delete(key);
    }
  }
}

interface CacheEntry<Value> {
  readonly value: Promise<Value>;
  /** On the clock of `performance.now()`. */
  until: number;
}
