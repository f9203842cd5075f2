import { getHeapStatistics, setFlagsFromString } from 'node:v8';

const MIB = 1024 * 1024;
/** A collection takes as long as there is in use, so that a small heap may hold more garbage for what is in use. */
const GARBAGE_BYTES = 40 * MIB;
const MIN_PERCENT = 20;
/** As the worker starts with. */
const MAX_PERCENT = 60;
const INTERVAL_MS = 30_000;

/** By how many percent a heap may grow beyond what is in use before V8 collects it as a whole. @param used bytes. */
export function heapGrowingPercent(used: number): number {
  return Math.round(Math.min(MAX_PERCENT, Math.max(MIN_PERCENT, (100 * GARBAGE_BYTES) / used)));
}

/**
 * Limits the garbage in the heaps of this process in bytes, and not only as a share of what is in use, by that of the
 * main thread. Source: `--heap-growing-percent`, which V8 reads at the end of each full collection.
 * @returns a function that ends it.
 */
export function limitGarbage(): () => void {
  let current = 0;
  const adjust = (): void => {
    const percent = heapGrowingPercent(getHeapStatistics().used_heap_size);
    if (percent !== current) setFlagsFromString(`--heap-growing-percent=${percent}`);
    current = percent;
  };
  adjust();
  const timer = setInterval(adjust, INTERVAL_MS);
  timer.unref();
  return () => clearInterval(timer);
}
