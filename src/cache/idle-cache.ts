import { LRUCache } from 'lru-cache';
import { maxEntries } from './max-entries.ts';
import { purgeLater } from './purge-later.ts';

/** Values that are created on demand, and removed when they have not been used for some time or their room is needed. */
export class IdleCache<Value extends object> {
  readonly #entries: LRUCache<string, Value>;
  readonly #purgeLater: () => void;

  constructor({ max, idleMs }: { readonly max: number; readonly idleMs: number }) {
    this.#entries = new LRUCache({ ...maxEntries(max), ttl: idleMs, updateAgeOnGet: true });
    this.#purgeLater = purgeLater(this.#entries, idleMs);
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string, create: () => Value): Value {
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    const created = create();
    this.#entries.set(key, created);
    this.#purgeLater();
    return created;
  }
}
