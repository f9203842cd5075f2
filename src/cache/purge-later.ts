import type { LRUCache } from 'lru-cache';

/** A cache at rest is looked at as rarely. */
const MIN_INTERVAL_MS = 60_000;
/** A longer time-out would end at once. */
const MAX_INTERVAL_MS = 24 * 3_600_000;

/**
 * Removes entries once they are old, by one timer, which runs while there are entries: lru-cache keeps an old one until it
 * is asked for or its room is needed, which in a fleet at rest is never.
 * @param ttlMs of most entries. @returns to be called after an entry is added.
 */
export function purgeLater(entries: Pick<LRUCache<string, object>, 'size' | 'purgeStale'>, ttlMs: number): () => void {
  const intervalMs = Math.min(Math.max(ttlMs + 1, MIN_INTERVAL_MS), MAX_INTERVAL_MS);
  let timer: NodeJS.Timeout | undefined;
  const purge = (): void => {
    timer = undefined;
    entries.purgeStale();
    if (entries.size > 0) schedule();
  };
  const schedule = (): void => {
    timer ??= setTimeout(purge, intervalMs).unref();
  };
  return schedule;
}
