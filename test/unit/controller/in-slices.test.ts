import { expect, test, vi } from 'vitest';
import { inSlices } from '../../../src/controller/in-slices.ts';

test('other work of the event loop gets its turn after each slice of 2 ms', async () => {
  let now = 0;
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now);
  let taken = 0;
  const takenInTurns: number[] = [];
  const watchTurns = (): void => {
    if (takenInTurns.at(-1) !== taken) takenInTurns.push(taken);
    if (taken < 20) setImmediate(watchTurns);
  };
  setImmediate(watchTurns);
  function* items() {
    for (let item = 0; item < 20; item += 1) {
      now += 1;
      yield item;
    }
  }
  const all: number[] = [];
  try {
    for await (const slice of inSlices(items())) {
      all.push(...slice);
      taken = all.length;
    }
  } finally {
    clock.mockRestore();
  }
  expect(all).toEqual([...Array(20).keys()]);
  expect(takenInTurns).toEqual(expect.arrayContaining([2, 10, 16]));
});
