import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { intervalAfterFetch } from '../../../src/crl/fetch-interval.ts';

const HOUR_MS = 3_600_000;
const serverInterval = fc.option(fc.nat(400 * 24 * HOUR_MS), { nil: undefined });

describe('a fetched CRL', () => {
  test.each([
    ['nothing said', undefined, 6],
    ["a shorter time said, as Let's Encrypt does", HOUR_MS, 6],
    ['a longer one said', 12 * HOUR_MS, 12],
    ['one without end said', 365 * 24 * HOUR_MS, 24],
  ])('is fetched again, with %s, after %s ms: %i hours', (_what, maxAgeMs, hours) => {
    expect(intervalAfterFetch(maxAgeMs)).toBe(hours * HOUR_MS);
  });

  test('is fetched again after 6 to 24 hours', () => {
    fc.assert(
      fc.property(serverInterval, (maxAgeMs) => {
        const interval = intervalAfterFetch(maxAgeMs);
        expect(interval).toBeGreaterThanOrEqual(6 * HOUR_MS);
        expect(interval).toBeLessThanOrEqual(24 * HOUR_MS);
      }),
    );
  });
});
