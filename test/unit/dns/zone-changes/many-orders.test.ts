/** Orders that share a zone, on a virtual clock: what they cost in changes, and how long each waits for others. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { BATCH_LIMITS, quotaCost, type TxtRequest } from '../../../../src/dns/zone-changes/change-batch.ts';
import { ZoneBatcher } from '../../../../src/dns/zone-changes/zone-batcher.ts';
import { type StrictZone, strictZone } from './strict-zone.ts';

const WINDOW_MS = 4_000;
/** Of a request to the service. */
const CHANGE_MS = 150;
/** From published to withdrawn. */
const ORDER_MS = 2_500;

const { signal } = new AbortController();

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'Date', 'setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function slowZone(): StrictZone {
  const zone = strictZone();
  zone.beforeChange = async (_, changes) => {
    const { elements, characters } = quotaCost(changes);
    expect(elements).toBeLessThanOrEqual(BATCH_LIMITS.elements);
    expect(characters).toBeLessThanOrEqual(BATCH_LIMITS.characters);
    await sleep(CHANGE_MS);
  };
  return zone;
}

/** An order of three names, each with its owner tag. @returns how long it waited to publish, and to withdraw, in ms. */
async function order(batcher: ZoneBatcher, n: number): Promise<readonly [number, number]> {
  const records = ['api', 'rh-api', 'apps'].flatMap((name) =>
    ['v'.repeat(43), `certman=${'t'.repeat(40)}`].map((value) => ({ name: `_acme-challenge.${name}.c${n}`, value })),
  );
  const timed = async (action: TxtRequest['action']): Promise<number> => {
    const from = performance.now();
    await batcher.submit({ action, records }, signal);
    return performance.now() - from;
  };
  const published = await timed('publish');
  await sleep(ORDER_MS);
  return [published, await timed('withdraw')];
}

async function run(
  zone: StrictZone,
  orders: number,
  perSecond: number,
): Promise<readonly (readonly [number, number])[]> {
  const batcher = new ZoneBatcher(zone, { windowMs: WINDOW_MS });
  const all = Array.from({ length: orders }, async (_, n) => {
    await sleep((n * 1_000) / perSecond);
    return order(batcher, n);
  });
  await vi.runAllTimersAsync();
  return await Promise.all(all);
}

test('an order alone waits for nothing', async () => {
  const zone = slowZone();
  const [[published, withdrawn] = [0, 0]] = await run(zone, 1, 1);
  expect(Math.max(published, withdrawn)).toBeLessThanOrEqual(CHANGE_MS + 100);
  expect(zone.calls).toEqual(['change', 'change']);
});

test.each([5, 10, 50, 1_000])('200 orders, of which %i begin in a second, share few changes', async (perSecond) => {
  const zone = slowZone();
  const waits = await run(zone, 200, perSecond);
  expect(zone.sets.size).toBe(0);
  expect(zone.calls.length).toBeLessThanOrEqual(20);
  expect(Math.max(...waits.flat())).toBeLessThanOrEqual(WINDOW_MS + CHANGE_MS);
});
