import { afterEach, expect, test, vi } from 'vitest';
import { SingleFlightCache } from '../../../src/kubernetes/api/single-flight-cache.ts';

afterEach(() => {
  vi.useRealTimers();
});

test('callers at the same time share one load', async () => {
  const load = vi.fn(async () => 'value');
  const cache = new SingleFlightCache(load, 1_000);
  expect(await Promise.all([cache.get(), cache.get(), cache.get()])).toEqual(['value', 'value', 'value']);
  expect(load).toHaveBeenCalledTimes(1);
});

test('a value is loaded again once it is old', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const load = vi.fn(async () => 'value');
  const cache = new SingleFlightCache(load, 1_000);
  await cache.get();
  vi.advanceTimersByTime(999);
  await cache.get();
  expect(load).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(1);
  await cache.get();
  expect(load).toHaveBeenCalledTimes(2);
});

test('a failure reaches everybody who waited, and is never kept', async () => {
  const load = vi.fn<() => Promise<string>>().mockRejectedValueOnce(new Error('absent')).mockResolvedValue('there now');
  const cache = new SingleFlightCache(load, 1_000);
  const both = await Promise.allSettled([cache.get(), cache.get()]);
  expect(both.map((one) => one.status)).toEqual(['rejected', 'rejected']);
  expect(await cache.get()).toBe('there now');
});

test('what was invalidated is loaded again', async () => {
  const load = vi.fn(async () => 'value');
  const cache = new SingleFlightCache(load, 1_000);
  await cache.get();
  cache.invalidate();
  await cache.get();
  expect(load).toHaveBeenCalledTimes(2);
});
