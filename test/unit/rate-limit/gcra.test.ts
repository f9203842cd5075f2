import { describe, expect, it } from 'vitest';
import { KeyedRateLimiter } from '../../../src/rate-limit/gcra.ts';
import { DRIFT_SIGNALS_PER_CLUSTER } from '../../../src/rate-limit/limits.ts';

const MINUTE = 60_000;

const createLimiter = (): KeyedRateLimiter => new KeyedRateLimiter(DRIFT_SIGNALS_PER_CLUSTER);

/** What the limiter answers at each instant. */
function answers(limiter: KeyedRateLimiter, instants: readonly number[]): readonly number[] {
  return instants.map((now) => limiter.tryAcquire('c1', now));
}

describe('the rate limit of drift signals', () => {
  it('allows a burst, then returns how long to wait', () => {
    expect(answers(createLimiter(), [0, 0, 0, 0, 0, 0, MINUTE])).toEqual([0, 0, 0, 0, 0, 2 * MINUTE, MINUTE]);
  });

  it('allows one after the wait that it returned', () => {
    const limiter = createLimiter();
    answers(limiter, [0, 0, 0, 0, 0]);
    expect(answers(limiter, [2 * MINUTE, 2 * MINUTE])).toEqual([0, 2 * MINUTE]);
  });

  it('allows one every two minutes of what never ends', () => {
    const everySecond = Array.from({ length: 20 * 60 }, (_, second) => second * 1000);
    expect(answers(createLimiter(), everySecond).filter((wait) => wait === 0)).toHaveLength(5 + 9);
  });

  it('allows all of what happens every two minutes or less often', () => {
    const rare = Array.from({ length: 50 }, (_, index) => index * 2 * MINUTE);
    expect(new Set(answers(createLimiter(), rare))).toEqual(new Set([0]));
  });

  it('reserves for each key instants as far apart as the limit refills, after those that are allowed now', () => {
    const limiter = new KeyedRateLimiter({ burst: 2, intervalMs: MINUTE });
    expect([0, 0, 0, 1, 1].map((at) => limiter.reserve('a', at))).toEqual([0, 0, MINUTE, 2 * MINUTE, 3 * MINUTE]);
    expect(limiter.reserve('b', 1)).toBe(1);
  });

  it('keeps clusters apart, however many there are', () => {
    const limiter = createLimiter();
    answers(limiter, [0, 0, 0, 0, 0]);
    for (let other = 0; other < 3_000; other += 1) expect(limiter.tryAcquire(`other-${other}`, other)).toBe(0);
    expect(limiter.tryAcquire('c1', 3_000)).toBeGreaterThan(0);
  });
});
