import { purgeLater } from '../../cache/purge-later.ts';
import { type ZoneApi, ZoneBatcher, type ZoneBatcherOptions } from './zone-batcher.ts';

/** Longer than a batcher assumes anything about its zone: an idle one then knows nothing that a new one does not. */
const IDLE_MS = 20 * 60_000;

interface UsedBatcher {
  readonly batcher: ZoneBatcher;
  /** By `performance.now()`. */
  readonly usedAt: number;
}

/** Evicts only idle batchers, the least recently used first: busy ones stay, beyond the bound too. */
export class ZoneBatchers {
  readonly #max: number;
  readonly #options: ZoneBatcherOptions;
  readonly #batchers = new Map<string, UsedBatcher>();
  readonly #purgeLater: () => void;

  constructor(max: number, options: ZoneBatcherOptions) {
    this.#max = max;
    this.#options = options;
    this.#purgeLater = purgeLater(this, IDLE_MS);
  }

  get size(): number {
    return this.#batchers.size;
  }

  /** The batcher of a zone, created with `api` where there is none. A caller submits to it before it awaits anything. */
  get(key: string, api: ZoneApi): ZoneBatcher {
    const batcher = this.#batchers.get(key)?.batcher ?? new ZoneBatcher(api, this.#options);
    this.#batchers.delete(key);
    // Before it is inserted: it is idle until the caller submits.
    this.#evictIdle();
    this.#batchers.set(key, { batcher, usedAt: performance.now() });
    this.#purgeLater();
    return batcher;
  }

  /** Removes what has not been used for twenty minutes. */
  purgeStale(): boolean {
    const before = this.size;
    for (const [key, { batcher, usedAt }] of this.#batchers) {
      if (batcher.idle && performance.now() - usedAt > IDLE_MS) this.#batchers.delete(key);
    }
    return this.size < before;
  }

  #evictIdle(): void {
    for (const [key, { batcher }] of this.#batchers) {
      if (this.#batchers.size < this.#max) return;
      // A second batcher for the zone would compete with a busy one.
      if (batcher.idle) this.#batchers.delete(key);
    }
  }
}
