import { describe, expect, it } from 'vitest';
import { type ZoneApi, ZoneBatcher } from '../../../../src/dns/zone-changes/zone-batcher.ts';
import { stepsOfTwoWorkers, type WorkerStep } from '../../../support/dns/two-workers.ts';
import { type StrictZone, strictZone } from './strict-zone.ts';

const { signal } = new AbortController();
const FOREIGN = '"of another program"';
const ORDERS = stepsOfTwoWorkers(['a', 'b', 'c']);
const LENGTH = 6;

const newWorker = (zone: ZoneApi): ZoneBatcher => new ZoneBatcher(zone, { windowMs: 0 });

function zoneWithForeignValue(): StrictZone {
  const zone = strictZone();
  zone.sets.set('x', { name: 'x', ttlSeconds: 60, values: [FOREIGN] });
  return zone;
}

/** @returns what is at the name after each step, if it is not what was published. */
async function run(order: readonly WorkerStep[], killedAfter?: number): Promise<unknown> {
  const zone = zoneWithForeignValue();
  const workers = [newWorker(zone), newWorker(zone)];
  const expected = new Set([FOREIGN]);
  for (const [at, { worker, action, value }] of order.entries()) {
    await workers[worker]?.submit({ action, records: [{ name: 'x', value }] }, signal);
    expected[action === 'publish' ? 'add' : 'delete'](`"${value}"`);
    // The one that is started in its place knows nothing.
    if (at === killedAfter) workers[worker] = newWorker(zone);
    const found = zone.sets.get('x')?.values ?? [];
    if (found.toSorted().join() !== [...expected].toSorted().join()) return { order, killedAfter, at, found };
  }
  return undefined;
}

describe('two workers at one name, beside a value of another program', () => {
  it('are run in every order', () => {
    expect(new Set(ORDERS.map((order) => JSON.stringify(order))).size).toBe(15 * 2 ** (LENGTH - 1));
    expect(new Set(ORDERS.map(({ length }) => length))).toEqual(new Set([LENGTH]));
  });

  it.each([undefined, 0, 1, 2, 3, 4, 5])(
    'neither lose nor leave a value, with one of them killed after step %s, or none',
    async (killedAfter) => {
      const differences = await Promise.all(ORDERS.map((order) => run(order, killedAfter)));
      expect(differences.filter((one) => one !== undefined).slice(0, 3)).toEqual([]);
    },
  );

  it('neither lose nor leave a value when they send at the same time', async () => {
    const zone = zoneWithForeignValue();
    const workers = [newWorker(zone), newWorker(zone)];
    const each = async (action: 'publish' | 'withdraw', of: (n: number) => string): Promise<void> => {
      const submitting = workers.map((worker, n) =>
        worker.submit({ action, records: [{ name: 'x', value: of(n) }] }, signal),
      );
      await Promise.all(submitting);
    };
    for (let round = 0; round < 20; round++) {
      await each('publish', (n) => `${round} of ${n}`);
      expect(zone.sets.get('x')?.values).toHaveLength(3);
      // Each withdraws what the other has published.
      await each('withdraw', (n) => `${round} of ${1 - n}`);
      expect(zone.sets.get('x')?.values).toEqual([FOREIGN]);
    }
  });
});
