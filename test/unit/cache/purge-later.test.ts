import { LRUCache } from 'lru-cache';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LoadingCache } from '../../../src/cache/loading-cache.ts';
import { purgeLater } from '../../../src/cache/purge-later.ts';
import { fakeTimersWithPerformanceClock } from '../../support/vitest/performance-clock.ts';

const TTL_MS = 120_000;

beforeEach(() => fakeTimersWithPerformanceClock());
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

test('removes what is old, keeps what is not, and runs while there is something', async () => {
  const entries = new LRUCache<string, object>({ max: 10, ttl: TTL_MS });
  const purge = purgeLater(entries, TTL_MS);
  const add = (key: string): void => {
    entries.set(key, {});
    purge();
  };
  add('first');
  await vi.advanceTimersByTimeAsync(TTL_MS - 1_000);
  add('second');
  await vi.advanceTimersByTimeAsync(2_000);
  expect([...entries.keys()]).toEqual(['second']);
  await vi.advanceTimersByTimeAsync(TTL_MS);
  expect(entries.size).toBe(0);
  await vi.advanceTimersByTimeAsync(2 * TTL_MS);
  expect(vi.getTimerCount()).toBe(0);
  add('third');
  await vi.advanceTimersByTimeAsync(2 * TTL_MS);
  expect(entries.size).toBe(0);
});

test.each([1, Number.MAX_SAFE_INTEGER])(
  'looks at entries with a time to live of %d ms no more often than once a minute',
  async (ttl) => {
    const entries = new LRUCache<string, object>({ max: 10, ttl });
    const looked = vi.spyOn(entries, 'purgeStale');
    entries.set('key', {});
    purgeLater(entries, ttl)();
    await vi.advanceTimersByTimeAsync(59_000);
    expect(looked).not.toHaveBeenCalled();
  },
);

test('a LoadingCache holds no value for longer than it is asked for', async () => {
  const purged = vi.spyOn(LRUCache.prototype, 'purgeStale');
  const cache = new LoadingCache<object>({ max: 10, ttlMs: TTL_MS });
  await cache.get('loaded', async () => ({}));
  cache.set('set', {}, 1_000);
  await vi.advanceTimersByTimeAsync(2 * TTL_MS);
  expect(purged.mock.contexts.at(-1)).toMatchObject({ size: 0 });
});
