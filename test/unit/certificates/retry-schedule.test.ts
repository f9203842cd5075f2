import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nextAttemptAt } from '../../../src/certificates/retry-schedule.ts';
import { FAILURE_CODES, type FailureInfo, stanceOf } from '../../../src/failures/failure.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const MINUTE_MS = 60_000;

const failure = (stance: FailureInfo['stance'], notBefore?: number): FailureInfo => ({
  code: 'acme/orderInvalid',
  message: 'no',
  stance,
  ...(notBefore === undefined ? {} : { notBefore: new Date(notBefore).toISOString() }),
});

describe('a refusal is tried again after', () => {
  test.each([
    [1, 1],
    [2, 10],
    [3, 100],
    [4, 1440],
    [9, 1440],
  ])('attempt %i: %i minutes', (attempts, minutes) => {
    expect(nextAttemptAt(failure('schedule'), attempts, NOW) - NOW).toBe(minutes * MINUTE_MS);
    expect(nextAttemptAt(failure('whenChanged'), attempts, NOW) - NOW).toBe(minutes * MINUTE_MS);
  });
});

test('an outage is never left alone for longer than ten minutes', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1000 }), (attempts) => {
      expect(nextAttemptAt(failure('soon'), attempts, NOW) - NOW).toBeLessThanOrEqual(10 * MINUTE_MS);
    }),
  );
});

test('the CA’s own instant goes before the schedule, and never makes it earlier', () => {
  expect(nextAttemptAt(failure('schedule', NOW + 3_600_000), 1, NOW)).toBe(NOW + 3_600_000);
  expect(nextAttemptAt(failure('schedule', NOW + 1_000), 1, NOW)).toBe(NOW + MINUTE_MS);
});

test('an instant that cannot be read is ignored', () => {
  expect(nextAttemptAt({ ...failure('schedule'), notBefore: 'soon' }, 1, NOW)).toBe(NOW + MINUTE_MS);
});

test('every failure has its next attempt in the future', () => {
  fc.assert(
    fc.property(fc.constantFrom(...FAILURE_CODES), fc.integer({ min: 0, max: 50 }), (code, attempts) => {
      expect(nextAttemptAt({ code, message: '', stance: stanceOf(code) }, attempts, NOW)).toBeGreaterThan(NOW);
    }),
  );
});
