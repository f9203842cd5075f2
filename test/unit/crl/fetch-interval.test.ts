import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { intervalAfterFailure, intervalAfterFetch } from '../../../src/crl/fetch-interval.ts';

const HOUR_MS = 3_600_000;
const chance = fc.double({ min: 0, max: 1, noNaN: true });
const told = fc.option(fc.nat(400 * 24 * HOUR_MS), { nil: undefined });

describe('a list that was fetched', () => {
  test.each([
    ['nothing said', undefined, 6],
    ["a shorter time said, as Let's Encrypt does", HOUR_MS, 6],
    ['a longer one said', 12 * HOUR_MS, 12],
    ['one without end said', 365 * 24 * HOUR_MS, 24],
  ])('is fetched again, with %s, after %s ms: %i hours', (_what, maxAgeMs, hours) => {
    expect(intervalAfterFetch(maxAgeMs, 0)).toBe(hours * HOUR_MS);
    expect(intervalAfterFetch(maxAgeMs, 1)).toBeCloseTo(1.1 * hours * HOUR_MS);
  });

  test('is never fetched within six hours, nor left for more than 27', () => {
    fc.assert(
      fc.property(told, chance, (maxAgeMs, by) => {
        const interval = intervalAfterFetch(maxAgeMs, by);
        expect(interval).toBeGreaterThanOrEqual(6 * HOUR_MS);
        expect(interval).toBeLessThan(27 * HOUR_MS);
      }),
    );
  });
});

describe('a server that did not answer', () => {
  test('is asked again within the hour, when it does not say', () => {
    expect(intervalAfterFailure(undefined, 0)).toBe(HOUR_MS / 2);
    expect(intervalAfterFailure(undefined, 1)).toBe(HOUR_MS);
  });

  test('is never asked before it says, up to a day, nor at once', () => {
    fc.assert(
      fc.property(told, chance, (retryAfterMs, by) => {
        const interval = intervalAfterFailure(retryAfterMs, by);
        expect(interval).toBeGreaterThanOrEqual(Math.min(retryAfterMs ?? 0, 24 * HOUR_MS));
        expect(interval).toBeGreaterThanOrEqual(HOUR_MS / 2);
        expect(interval).toBeLessThanOrEqual(24 * HOUR_MS);
      }),
    );
  });
});
