import { vi } from 'vitest';

/** As lru-cache has it: from before the fake timers. */
const clock = performance;

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

/** The clock of lru-cache follows the fake timers. The test restores mocks and timers. @param options default: all is fake. */
export function fakeTimersWithPerformanceClock(options?: Parameters<typeof vi.useFakeTimers>[0]): void {
  vi.useFakeTimers(options);
  vi.spyOn(clock, 'now').mockImplementation(() => Date.now());
}
