import { getHeapStatistics, setFlagsFromString } from 'node:v8';

const MIB = 1024 * 1024;
/** A collection takes as long as there is in use, so that a small heap may hold more garbage for what is in use. */
const MAX_GARBAGE_BYTES = 64 * MIB;
/** Of the container's limit: a small one has no room for as much. */
const MAX_GARBAGE_SHARE = 1 / 12;
const MIN_PERCENT = 20;
/** As the worker starts with. */
const MAX_PERCENT = 100;
const INTERVAL_MS = 30_000;

/**
 * By how many percent a heap may grow beyond what is in use before V8 collects it as a whole.
 * @param used bytes. @param limit bytes, of the container; undefined: it has none.
 */
export function heapGrowingPercent(used: number, limit?: number): number {
  const garbage = Math.min(MAX_GARBAGE_BYTES, (limit ?? Number.POSITIVE_INFINITY) * MAX_GARBAGE_SHARE);
  return Math.round(Math.min(MAX_PERCENT, Math.max(MIN_PERCENT, (100 * garbage) / used)));
}

/**
 * Limits the garbage in the heaps of this process in bytes, and not only as a share of what is in use, by that of the
 * main thread. Source: `--heap-growing-percent`, which V8 reads at the end of each full collection.
 * @param limit bytes, of the container; undefined: it has none. @returns a function that ends it.
 */
export function limitGarbage(limit?: number): () => void {
  let current = 0;
  const adjust = (): void => {
    const percent = heapGrowingPercent(getHeapStatistics().used_heap_size, limit);
    if (percent !== current) setFlagsFromString(`--heap-growing-percent=${percent}`);
    current = percent;
  };
  adjust();
  const timer = setInterval(adjust, INTERVAL_MS);
  timer.unref();
  return () => clearInterval(timer);
}
