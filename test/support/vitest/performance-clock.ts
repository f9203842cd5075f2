import { vi } from 'vitest';

/**
 * Holds the clock of lru-cache, which keeps the `performance` of when it was loaded, and an instant of it for a
 * millisecond. The test restores mocks and timers.
 */
export function holdPerformanceClock(): { advance(ms: number): void } {
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  // lru-cache takes the instant 0 for none.
  let now = 1;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  return {
    advance: (ms) => {
      now += ms;
      vi.advanceTimersByTime(ms);
    },
  };
}
