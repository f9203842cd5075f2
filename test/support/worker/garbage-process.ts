/** A process that makes garbage, without and with the limit of garbage, and prints the full collections of each. Needs `--expose-gc`. */
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { limitGarbage } from '../../../src/worker/limit-garbage.ts';

/** Arrays of 1,000 numbers that survive young collections, of which the last are kept. */
const ARRAYS = 10_000;
const ALIVE = 300;

let collections = 0;
const observer = new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    const { detail } = entry as unknown as { readonly detail: { readonly kind: number } };
    if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) collections += 1;
  }
});
observer.observe({ entryTypes: ['gc'] });

async function collectionsOfGarbage(): Promise<number> {
  // At its end, V8 decides how far the heap may grow.
  globalThis.gc?.();
  await turn();
  const before = collections;
  const alive: number[][] = [];
  for (let index = 0; index < ARRAYS; index += 1) {
    alive[index % ALIVE] = Array.from({ length: 1_000 }, () => index);
    if (index % 100 === 0) await turn();
  }
  await turn();
  return collections - before;
}

const free = await collectionsOfGarbage();
const end = limitGarbage();
const limited = await collectionsOfGarbage();
end();
process.stdout.write(`${JSON.stringify({ free, limited })}\n`);
