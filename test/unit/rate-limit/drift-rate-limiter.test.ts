import { describe, expect, it } from 'vitest';
import { DriftRateLimiter } from '../../../src/rate-limit/drift-rate-limiter.ts';

const MINUTE = 60_000;

function answers(pace: DriftRateLimiter, instants: readonly number[]): readonly number[] {
  return instants.map((now) => pace.tryAcquire('c1', now));
}

describe('the pace at which changes by foreign hands are told', () => {
  it('lets a burst through, then says how long to wait', () => {
    expect(answers(new DriftRateLimiter(), [0, 0, 0, 0, 0, 0, MINUTE])).toEqual([0, 0, 0, 0, 0, 2 * MINUTE, MINUTE]);
  });

  it('lets go of one after the wait that it named', () => {
    const pace = new DriftRateLimiter();
    answers(pace, [0, 0, 0, 0, 0]);
    expect(answers(pace, [2 * MINUTE, 2 * MINUTE])).toEqual([0, 2 * MINUTE]);
  });

  it('tells one more every two minutes of what never ends', () => {
    const everySecond = Array.from({ length: 20 * 60 }, (_, second) => second * 1000);
    expect(answers(new DriftRateLimiter(), everySecond).filter((wait) => wait === 0)).toHaveLength(5 + 9);
  });

  it('tells all of what happens every two minutes or less often', () => {
    const rare = Array.from({ length: 50 }, (_, index) => index * 2 * MINUTE);
    expect(new Set(answers(new DriftRateLimiter(), rare))).toEqual(new Set([0]));
  });

  it('knows clusters apart, however many there are', () => {
    const pace = new DriftRateLimiter();
    answers(pace, [0, 0, 0, 0, 0]);
    for (let other = 0; other < 3_000; other += 1) expect(pace.tryAcquire(`other-${other}`, other)).toBe(0);
    expect(pace.tryAcquire('c1', 3_000)).toBeGreaterThan(0);
  });
});
