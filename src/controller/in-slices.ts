import { setImmediate as nextTurn } from 'node:timers/promises';

/** Longer work at once would hold up heartbeats, probes and signals. */
const MAX_SLICE_MS = 2;

/** All items in order, in batches of 2 ms of work; other work of the event loop gets its turn after each. */
export async function* inSlices<Item>(items: Iterable<Item>): AsyncGenerator<readonly Item[]> {
  let slice: Item[] = [];
  let end = performance.now() + MAX_SLICE_MS;
  for (const item of items) {
    slice.push(item);
    if (performance.now() < end) continue;
    yield slice;
    slice = [];
    await nextTurn();
    end = performance.now() + MAX_SLICE_MS;
  }
  yield slice;
}
