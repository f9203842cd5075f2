/** The batchers of all zones that a worker writes to. */
import { type ZoneApi, ZoneBatcher, type ZoneBatcherOptions } from './zone-batcher.ts';

/**
 * A bounded set of batchers, of which the least recently used idle ones are evicted. A busy batcher stays, beyond the bound
 * too: a second one for its zone would not know its last change, and could overwrite its changes with an UPSERT.
 */
export class ZoneBatchers {
  readonly #max: number;
  readonly #options: ZoneBatcherOptions;
  /** The least recently used first. */
  readonly #batchers = new Map<string, ZoneBatcher>();

  constructor(max: number, options: ZoneBatcherOptions) {
    this.#max = max;
    this.#options = options;
  }

  /** The batcher of a zone, created with `api` where there is none. A caller submits to it before it awaits anything. */
  get(key: string, api: ZoneApi): ZoneBatcher {
    const batcher = this.#batchers.get(key) ?? new ZoneBatcher(api, this.#options);
    this.#batchers.delete(key);
    // Before it is inserted: it is idle until the caller submits.
    this.#evictIdle();
    this.#batchers.set(key, batcher);
    return batcher;
  }

  #evictIdle(): void {
    for (const [key, { idle }] of this.#batchers) {
      if (this.#batchers.size < this.#max) return;
      if (idle) this.#batchers.delete(key);
    }
  }
}
