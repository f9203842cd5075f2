import { Script } from 'node:vm';

/** V8's average forgets an allocation within 100 seconds. */
const INTERVAL_MS = 30_000;

/**
 * Has V8 compact the heap and return its free pages once the process is at rest.
 *
 * V8 does that when little is allocated, in JavaScript and in C++. Since V8 13.1 (Node.js 24), no C++ allocation at all
 * counts as the highest rate, and V8 waits until no collection has run for 100 seconds. A compiled script is such an
 * allocation. Source: `HasLowEmbedderAllocationRate` in V8's heap.cc, and `--trace-memory-reducer`.
 * @returns a function that ends it.
 */
export function collectWhenIdle(intervalMs: number = INTERVAL_MS): () => void {
  const allocate = (): void => void new Script('0');
  allocate();
  const timer = setInterval(allocate, intervalMs);
  timer.unref();
  return () => clearInterval(timer);
}
