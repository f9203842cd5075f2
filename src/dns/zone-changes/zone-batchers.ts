import { type ZoneApi, ZoneBatcher, type ZoneBatcherOptions } from './zone-batcher.ts';

/** Evicts only idle batchers, the least recently used first: busy ones stay, beyond the bound too. */
export class ZoneBatchers {
  readonly #max: number;
  readonly #options: ZoneBatcherOptions;
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
      // A second batcher for the zone would not know its last change and could overwrite it with an UPSERT.
      if (idle) this.#batchers.delete(key);
    }
  }
}
