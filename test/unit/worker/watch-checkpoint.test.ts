import { expect, test } from 'vitest';
import { readCheckpoint } from '../../../activities/watch.ts';

test('a checkpoint has the position of each of some dozens of namespaces', () => {
  const positions = Array.from({ length: 50 }, (_, index) => [`uhc-production-${'0'.repeat(30)}${index}`, '123456789']);
  const checkpoint = { certificaterequests: JSON.stringify(positions), configmaps: '123456789' };
  expect(readCheckpoint(checkpoint)).toEqual(checkpoint);
});

test.each([[undefined], ['1'], [{ secrets: 1 }], [{ secrets: '1'.repeat(100_000) }]])('%j is none', (details) => {
  expect(readCheckpoint(details)).toBeUndefined();
});
