import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { IdleCache } from '../../../src/cache/idle-cache.ts';
import { fakeTimersWithPerformanceClock } from '../../support/vitest/performance-clock.ts';

const IDLE_MS = 120_000;

beforeEach(() => fakeTimersWithPerformanceClock());
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

test('keeps what is used, and removes the others without being asked for them', async () => {
  const created: string[] = [];
  const cache = new IdleCache<object>({ max: 10, idleMs: IDLE_MS });
  const use = (key: string): object =>
    cache.get(key, () => {
      created.push(key);
      return {};
    });
  const [first] = [use('used'), use('unused')];
  for (let round = 0; round < 5; round += 1) {
    await vi.advanceTimersByTimeAsync(IDLE_MS / 2);
    expect(use('used')).toBe(first);
  }
  expect(cache.size).toBe(1);
  use('unused');
  expect(created).toEqual(['used', 'unused', 'unused']);
  await vi.advanceTimersByTimeAsync(3 * IDLE_MS);
  expect([cache.size, vi.getTimerCount()]).toEqual([0, 0]);
});
