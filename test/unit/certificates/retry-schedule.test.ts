import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nextAttemptAt } from '../../../src/certificates/retry-schedule.ts';
import { FAILURE_CODES, type FailureInfo, retryModeOf } from '../../../src/failures/failure.ts';
import { certificateWithLifetime, DAY_MS, HOUR_MS, NOT_BEFORE } from '../../support/certificates/certificate-facts.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const MINUTE_MS = 60_000;

const failure = (mode: FailureInfo['retry'], notBefore?: number): FailureInfo => ({
  code: 'acme/orderInvalid',
  message: 'no',
  retry: mode,
  ...(notBefore === undefined ? {} : { notBefore: new Date(notBefore).toISOString() }),
});

describe('a refusal is retried after', () => {
  test.each([
    [1, 1],
    [2, 10],
    [3, 100],
    [4, 1440],
    [9, 1440],
  ])('attempt %i: %i minutes', (attempts, minutes) => {
    expect(nextAttemptAt(failure('backoff'), attempts, NOW) - NOW).toBe(minutes * MINUTE_MS);
    expect(nextAttemptAt(failure('onChange'), attempts, NOW) - NOW).toBe(minutes * MINUTE_MS);
  });
});

test('during an outage the delay never exceeds ten minutes', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1000 }), (attempts) => {
      expect(nextAttemptAt(failure('transient'), attempts, NOW) - NOW).toBeLessThanOrEqual(10 * MINUTE_MS);
    }),
  );
});

test('Retry-After delays the schedule, and never advances it', () => {
  expect(nextAttemptAt(failure('backoff', NOW + 3_600_000), 1, NOW)).toBe(NOW + 3_600_000);
  expect(nextAttemptAt(failure('backoff', NOW + 1_000), 1, NOW)).toBe(NOW + MINUTE_MS);
});

test('the rate limit of an exact set gives the exact instant, for any number of attempts', () => {
  const limit: FailureInfo = { ...failure('backoff', NOW + 5 * MINUTE_MS), code: 'rateLimit/exactSet' };
  expect(nextAttemptAt(limit, 9, NOW)).toBe(NOW + 5 * MINUTE_MS);
});

test('a malformed notBefore is ignored', () => {
  expect(nextAttemptAt({ ...failure('backoff'), notBefore: 'soon' }, 1, NOW)).toBe(NOW + MINUTE_MS);
});

test('the next attempt is in the future for every failure', () => {
  fc.assert(
    fc.property(fc.constantFrom(...FAILURE_CODES), fc.integer({ min: 0, max: 50 }), (code, attempts) => {
      expect(nextAttemptAt({ code, message: '', retry: retryModeOf(code) }, attempts, NOW)).toBeGreaterThan(NOW);
    }),
  );
});

describe('with a certificate in use', () => {
  const certificate = certificateWithLifetime(90 * DAY_MS);
  const end = Date.parse(certificate.notAfter);
  const delayWhen = (now: number, attempts = 9, info = failure('backoff')) =>
    nextAttemptAt(info, attempts, now, certificate) - now;

  test.each([
    ['weeks are left: daily', 40 * DAY_MS, DAY_MS],
    ['four days are left: daily', 4 * DAY_MS, DAY_MS],
    ['a day is left: within six hours', DAY_MS, 6 * HOUR_MS],
    ['an hour is left: within a quarter of it', HOUR_MS, 15 * MINUTE_MS],
    ['less is left: in 12 minutes, no sooner than the CA forgives', 10 * MINUTE_MS, 12 * MINUTE_MS],
  ])('when %s', (_what, left, delay) => {
    expect(delayWhen(end - left)).toBe(delay);
  });

  test.each([
    ['hourly at first', 0, HOUR_MS],
    ['hourly for an hour', 50 * MINUTE_MS, HOUR_MS],
    ['then in as long as it has been expired', 5 * HOUR_MS, 5 * HOUR_MS],
    ['daily at last', 40 * DAY_MS, DAY_MS],
  ])('that has expired: %s', (_what, since, delay) => {
    expect(delayWhen(end + since)).toBe(delay);
  });

  test('the schedule applies when it is sooner', () => {
    expect(delayWhen(end - DAY_MS, 1)).toBe(MINUTE_MS);
    expect(delayWhen(end + DAY_MS, 2)).toBe(10 * MINUTE_MS);
    expect(delayWhen(end - DAY_MS, 9, failure('transient'))).toBe(10 * MINUTE_MS);
  });

  test('Retry-After takes precedence', () => {
    const now = end - HOUR_MS;
    expect(delayWhen(now, 9, failure('backoff', end + HOUR_MS))).toBe(2 * HOUR_MS);
  });

  test('of an hour: a fiftieth of it is the shortest delay', () => {
    const short = certificateWithLifetime(HOUR_MS);
    const now = NOT_BEFORE + HOUR_MS - MINUTE_MS;
    expect(nextAttemptAt(failure('backoff'), 9, now, short) - now).toBe(72_000);
  });

  test('of any lifetime: the delay is at most a quarter of the time left, or the shortest delay', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 3_600, max: 398 * 86_400 }),
        fc.integer({ min: 0, max: 9_999 }),
        fc.integer({ min: 1, max: 50 }),
        fc.constantFrom<FailureInfo['retry']>('transient', 'backoff', 'onChange'),
        (seconds, lived, attempts, mode) => {
          const any = certificateWithLifetime(seconds * 1000);
          const now = Math.floor(NOT_BEFORE + (lived / 10_000) * seconds * 1000);
          const left = Date.parse(any.notAfter) - now;
          const delay = nextAttemptAt(failure(mode), attempts, now, any) - now;
          expect(delay).toBeGreaterThan(0);
          expect(delay).toBeLessThanOrEqual(Math.max(left / 4, Math.min(12 * MINUTE_MS, seconds * 20)) + 1);
        },
      ),
    );
  });
});
