/** A bounded cache that loads its values on demand, on lru-cache. */
import { LRUCache } from 'lru-cache';

interface Loader<Value> {
  readonly load: () => Promise<Value>;
  readonly ttlMs: ((value: Value) => number) | undefined;
}

/** lru-cache takes positive integers only. */
function wholeMs(ttlMs: number): number {
  return Math.max(1, Math.floor(ttlMs));
}

/** Concurrent callers share one load. A failure reaches all of them and is not cached. */
export class LoadingCache<Value extends object | string | boolean> {
  readonly #entries: LRUCache<string, Value, Loader<Value>>;

  /** @param options.max entries; the least recently used is evicted. */
  constructor(options: { readonly max: number; readonly ttlMs: number }) {
    this.#entries = new LRUCache({
      max: options.max,
      ttl: wholeMs(options.ttlMs),
      // Eviction and `delete` abort a load by default, which would fail its callers.
      ignoreFetchAbort: true,
      fetchMethod: async (_key, _stale, { context, options: entry }) => {
        const value = await context.load();
        if (context.ttlMs !== undefined) entry.ttl = wholeMs(context.ttlMs(value));
        return value;
      },
    });
  }

  /** @param ttlMs of a loaded value, where it depends on the value; else the cache's own. @throws what `load` rejects with. */
  get(key: string, load: () => Promise<Value>, ttlMs?: (value: Value) => number): Promise<Value> {
    return this.#entries.forceFetch(key, { context: { load, ttlMs } });
  }

  set(key: string, value: Value, ttlMs: number): void {
    this.#entries.set(key, value, { ttl: wholeMs(ttlMs) });
  }

  /** The next caller loads anew; those that wait for a load get its value, which is not cached. */
  delete(key: string): void {
    this.#entries.delete(key);
  }
}
