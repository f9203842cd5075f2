import { expect, test } from 'vitest';
import { readBusySets } from '../../../src/cli/budget/read-sets.ts';
import type { ListCompletedIssuances } from '../../../src/observability/issued-counts.ts';

const NOW = Date.parse('2026-12-01T12:00:00Z');
const HOUR_MS = 3_600_000;

/** Newest first: six of `busy`, an hour apart, then one of `quiet`. */
const list: ListCompletedIssuances = async function* () {
  for (let age = 0; age < 7; age += 1) {
    const nameSet = age < 6 ? 'busy' : 'quiet';
    const closeTime = NOW - age * HOUR_MS;
    yield await Promise.resolve({
      runId: `${age}`,
      startTime: closeTime - 1_000,
      closeTime,
      dnsNames: [`${nameSet}.example.com`],
      nameSet,
      reason: 'RenewalDue',
    });
  }
};

const SIX = { dnsNames: ['busy.example.com'], certificates: 6, last: '2026-12-01T12:00:00.000Z' };

test('counts all certificates of the week where there are at most as many as are read', async () => {
  expect(await readBusySets(list, 7)).toEqual({ sets: [SIX] });
});

test('says since when it has counted where there are more', async () => {
  expect(await readBusySets(list, 6)).toEqual({ sets: [SIX], countedSince: '2026-12-01T07:00:00.000Z' });
  expect(await readBusySets(list, 4)).toEqual({ sets: [], countedSince: '2026-12-01T09:00:00.000Z' });
});
