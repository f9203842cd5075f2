import { setTimeout as delay } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { LoadingCache } from '../../../src/cache/loading-cache.ts';
import { fakeTimersWithPerformanceClock } from '../../support/vitest/performance-clock.ts';

const createCache = (ttlMs = 60_000): LoadingCache<string> => new LoadingCache({ max: 2, ttlMs });

test('callers at the same time share one load', async () => {
  const load = vi.fn(async () => 'value');
  const cache = createCache();
  expect(await Promise.all([cache.get('key', load), cache.get('key', load), cache.get('key', load)])).toEqual([
    'value',
    'value',
    'value',
  ]);
  expect(load).toHaveBeenCalledTimes(1);
});

test('a value is loaded again once it is old', async () => {
  const load = vi.fn(async () => 'value');
  const cache = createCache(300);
  await cache.get('key', load);
  await cache.get('key', load);
  expect(load).toHaveBeenCalledTimes(1);
  await delay(310);
  await cache.get('key', load);
  expect(load).toHaveBeenCalledTimes(2);
});

test.each([0.8, 1.6, 266.4])('a value is kept for a whole number of milliseconds, at least one: %d', async (ttlMs) => {
  const load = vi.fn(async () => 'value');
  const cache = createCache(ttlMs);
  await cache.get('key', load);
  await delay(ttlMs + 20);
  await cache.get('key', load);
  expect(load).toHaveBeenCalledTimes(2);
});

test('a value can say itself when it is old', async () => {
  const load = vi.fn(async () => 'value');
  const cache = createCache();
  await cache.get('key', load, () => -1_000);
  await delay(10);
  await cache.get('key', load, () => Number.POSITIVE_INFINITY);
  await delay(10);
  await cache.get('key', load);
  expect(load).toHaveBeenCalledTimes(2);
});

test('a failure reaches every caller that waited, and is not cached', async () => {
  const load = vi.fn<() => Promise<string>>().mockRejectedValueOnce(new Error('absent')).mockResolvedValue('there now');
  const cache = createCache();
  const both = await Promise.allSettled([cache.get('key', load), cache.get('key', load)]);
  expect(both.map((one) => one.status)).toEqual(['rejected', 'rejected']);
  expect(both).toEqual([1, 2].map(() => ({ status: 'rejected', reason: new Error('absent') })));
  expect(await cache.get('key', load)).toBe('there now');
});

test('what was deleted is loaded again', async () => {
  const load = vi.fn(async () => 'value');
  const cache = createCache();
  await cache.get('key', load);
  cache.delete('key');
  await cache.get('key', load);
  expect(load).toHaveBeenCalledTimes(2);
});

test.each([
  ['deleted', (cache: LoadingCache<string>) => cache.delete('key')],
  ['evicted', (cache: LoadingCache<string>) => ['a', 'b'].forEach((key) => cache.set(key, key, 1_000))],
])('a caller gets the value of a load that was %s meanwhile, and the next one loads anew', async (_what, remove) => {
  const cache = createCache();
  const { promise, resolve } = Promise.withResolvers<string>();
  const first = cache.get('key', () => promise);
  remove(cache);
  const second = cache.get('key', async () => 'new');
  resolve('old');
  expect(await first).toBe('old');
  expect(await second).toBe('new');
  expect(await cache.get('key', async () => 'newer')).toBe('new');
});

test.each(['first', 'second'])('a %s load that outlasts a purge is shared and cached', async (which) => {
  fakeTimersWithPerformanceClock({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  try {
    const cache = createCache(1_000);
    if (which === 'second') {
      await cache.get('key', async () => 'old');
      await vi.advanceTimersByTimeAsync(1_001);
    }
    const { promise, resolve } = Promise.withResolvers<string>();
    const load = vi.fn(() => promise);
    const callers = [cache.get('key', load)];
    await vi.advanceTimersByTimeAsync(61_000);
    callers.push(cache.get('key', load));
    resolve('value');
    expect(await Promise.all(callers)).toEqual(['value', 'value']);
    expect(await cache.get('key', load)).toBe('value');
    expect(load).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1_001);
    await cache.get('key', load);
    expect(load).toHaveBeenCalledTimes(2);
  } finally {
    vi.restoreAllMocks();
    vi.useRealTimers();
  }
});
