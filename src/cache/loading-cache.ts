import { LRUCache } from 'lru-cache';
import { maxEntries } from './max-entries.ts';
import { purgeLater } from './purge-later.ts';

interface Loader<Value> {
  readonly load: () => Promise<Value>;
  readonly ttlMs: ((value: Value) => number) | undefined;
}

/** lru-cache's word for no limit. */
const UNLIMITED = 0;

/** lru-cache takes positive integers only. */
function wholeMs(ttlMs: number): number {
  return Math.max(1, Math.floor(ttlMs));
}

/**
 * An LRU cache that loads on demand. Concurrent callers share one load; a failure reaches all and is not cached. What is old
 * is removed.
 */
export class LoadingCache<Value extends object | string | boolean> {
  readonly #entries: LRUCache<string, Value, Loader<Value>>;
  readonly #purgeLater: () => void;

  constructor(options: { readonly max: number; readonly ttlMs: number }) {
    this.#entries = new LRUCache({
      ...maxEntries(options.max),
      ttl: wholeMs(options.ttlMs),
      // Eviction and `delete` abort a load by default, which would fail its callers.
      ignoreFetchAbort: true,
      fetchMethod: async (_key, _stale, { context, options: entry }) => {
        const value = await context.load();
        entry.ttl = wholeMs(context.ttlMs?.(value) ?? options.ttlMs);
        return value;
      },
    });
    this.#purgeLater = purgeLater(this.#entries, options.ttlMs);
  }

  /** @param ttlMs absent: the cache's own. @throws what `load` rejects with. */
  get(key: string, load: () => Promise<Value>, ttlMs?: (value: Value) => number): Promise<Value> {
    this.#purgeLater();
    // A load in progress has no age: a purge would remove it, and then its value. In the place of an old value it would have that one's.
    if (this.#entries.getRemainingTTL(key) <= 0) this.#entries.delete(key);
    return this.#entries.forceFetch(key, { context: { load, ttlMs }, ttl: UNLIMITED });
  }

  set(key: string, value: Value, ttlMs: number): void {
    this.#entries.set(key, value, { ttl: wholeMs(ttlMs) });
    this.#purgeLater();
  }

  /** The next caller loads anew; callers that wait for a load get its value, which is not cached. */
  delete(key: string): void {
    this.#entries.delete(key);
  }
}
