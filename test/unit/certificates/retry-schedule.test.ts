import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nextAttemptAt } from '../../../src/certificates/retry-schedule.ts';
import { FAILURE_CODES, type FailureInfo, retryModeOf } from '../../../src/failures/failure.ts';
import { certificateWithLifetime, DAY_MS, HOUR_MS, NOT_BEFORE } from '../../support/certificates/certificate-facts.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const MINUTE_MS = 60_000;
const KEY = 'uid-1/api';

const failure = (mode: FailureInfo['retry'], notBefore?: number): FailureInfo => ({
  code: 'acme/orderInvalid',
  message: 'no',
  retry: mode,
  ...(notBefore === undefined ? {} : { notBefore: new Date(notBefore).toISOString() }),
});

/** Of 1,000 clusters that failed together: the first, the last, and the most within a hundredth of the time between. */
function spreadOf(delay: (jitterKey: string) => number) {
  const delays = Array.from({ length: 1_000 }, (_, index) => delay(`uid-${index}/api`)).sort((a, b) => a - b);
  const [first = 0, last = 0] = [delays[0], delays.at(-1)];
  const crowds = Map.groupBy(delays, (one) => Math.floor(((one - first) / (last - first + 1)) * 100));
  return { first, last, mostInHundredth: Math.max(...[...crowds.values()].map(({ length }) => length)) };
}

describe('retries of clusters that failed together are spread', () => {
  test.each([
    ['backoff', 1, 0.5, 1],
    ['backoff', 2, 1, 10],
    ['backoff', 3, 10, 100],
    ['backoff', 4, 100, 1440],
    ['onChange', 9, 100, 1440],
    ['transient', 1, 0.25, 0.5],
    ['transient', 4, 5, 10],
  ] as const)('%s, attempt %i: from %d to %d minutes', (mode, attempts, least, most) => {
    const { first, last, mostInHundredth } = spreadOf((key) => nextAttemptAt(failure(mode), attempts, NOW, key) - NOW);
    const width = (most - least) * MINUTE_MS;
    expect(first).toBeGreaterThanOrEqual(least * MINUTE_MS);
    expect(last).toBeLessThanOrEqual(most * MINUTE_MS);
    expect(last - first).toBeGreaterThan(0.98 * width);
    expect(mostInHundredth).toBeLessThan(30);
  });

  test('after an instant that all were told, never before it', () => {
    const stated = NOW + 8 * HOUR_MS;
    const { first, last, mostInHundredth } = spreadOf((key) => nextAttemptAt(failure('backoff', stated), 1, NOW, key));
    expect(first).toBeGreaterThanOrEqual(stated);
    expect(last - first).toBeGreaterThan(45 * MINUTE_MS);
    expect(last).toBeLessThanOrEqual(stated + 48 * MINUTE_MS);
    expect(mostInHundredth).toBeLessThan(30);
  });
});

test('during an outage the delay never exceeds ten minutes', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1000 }), (attempts) => {
      expect(nextAttemptAt(failure('transient'), attempts, NOW, KEY) - NOW).toBeLessThanOrEqual(10 * MINUTE_MS);
    }),
  );
});

test('a short Retry-After does not advance the schedule', () => {
  const at = nextAttemptAt(failure('backoff', NOW + 1_000), 1, NOW, KEY);
  expect(at - NOW).toBeGreaterThanOrEqual(MINUTE_MS / 2);
});

test.each(['rateLimit/exactSet', 'rateLimit/newOrders', 'rateLimit/namespace'] as const)(
  'certman’s own limit %s gives the exact instant, for any number of attempts',
  (code) => {
    const limit: FailureInfo = { ...failure('backoff', NOW + 5 * MINUTE_MS), code };
    expect(nextAttemptAt(limit, 9, NOW, KEY)).toBe(NOW + 5 * MINUTE_MS);
  },
);

test.each(['rateLimit/exactSet', 'rateLimit/newOrders', 'rateLimit/namespace'] as const)(
  'certman’s own limit %s, whose instant has passed by this clock, is asked again in seconds, not in a loop',
  (code) => {
    for (const since of [0, 1, MINUTE_MS]) {
      const limit: FailureInfo = { ...failure('backoff', NOW - since), code };
      expect(nextAttemptAt(limit, 0, NOW, KEY)).toBe(NOW + 5_000);
    }
  },
);

test('a malformed notBefore is ignored', () => {
  const at = nextAttemptAt({ ...failure('backoff'), notBefore: 'soon' }, 1, NOW, KEY);
  expect(at).toBe(nextAttemptAt(failure('backoff'), 1, NOW, KEY));
});

test('never before a stated instant, never later than is safe, in whole milliseconds, the same each time', () => {
  fc.assert(
    fc.property(
      fc.string(),
      fc.constantFrom<FailureInfo['retry']>('transient', 'backoff', 'onChange'),
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 3_600, max: 398 * 86_400 }),
      fc.integer({ min: 0, max: 9_999 }),
      fc.integer({ min: -HOUR_MS, max: 20 * DAY_MS }),
      (key, mode, attempts, seconds, lived, wait) => {
        const certificate = certificateWithLifetime(seconds * 1000);
        const now = Math.floor(NOT_BEFORE + (lived / 10_000) * seconds * 1000);
        const info = failure(mode, now + wait);
        const at = nextAttemptAt(info, attempts, now, key, certificate);
        expect(Number.isInteger(at)).toBe(true);
        expect(at).toBeGreaterThan(now);
        expect(at).toBeGreaterThanOrEqual(now + wait);
        expect(nextAttemptAt(info, attempts, now, key, certificate)).toBe(at);
        const end = Date.parse(certificate.notAfter);
        const from = Math.max(now, now + wait);
        const shortest = Math.min(12 * MINUTE_MS, seconds * 20);
        if (from < end) expect(at).toBeLessThanOrEqual(from + Math.max((end - now) / 4, shortest) + 1);
        if (from < end - shortest * 2) expect(at).toBeLessThan(end);
      },
    ),
  );
});

test('the next attempt is in the future for every failure', () => {
  fc.assert(
    fc.property(fc.constantFrom(...FAILURE_CODES), fc.integer({ min: 0, max: 50 }), (code, attempts) => {
      expect(nextAttemptAt({ code, message: '', retry: retryModeOf(code) }, attempts, NOW, KEY)).toBeGreaterThan(NOW);
    }),
  );
});

describe('with a certificate in use', () => {
  const certificate = certificateWithLifetime(90 * DAY_MS);
  const end = Date.parse(certificate.notAfter);
  /** Of many clusters. */
  const longestWhen = (now: number, attempts = 9, info = failure('backoff')) =>
    spreadOf((key) => nextAttemptAt(info, attempts, now, key, certificate) - now).last;
  const expectWithin = (delay: number, most: number) => {
    expect(delay).toBeLessThanOrEqual(most);
    expect(delay).toBeGreaterThan(0.99 * most);
  };

  test.each([
    ['weeks are left: daily', 40 * DAY_MS, DAY_MS],
    ['four days are left: daily', 4 * DAY_MS, DAY_MS],
    ['a day is left: within six hours', DAY_MS, 6 * HOUR_MS],
    ['an hour is left: within a quarter of it', HOUR_MS, 15 * MINUTE_MS],
    ['less is left: in 12 minutes, no sooner than the CA forgives', 10 * MINUTE_MS, 12 * MINUTE_MS],
  ])('when %s', (_what, left, delay) => {
    expectWithin(longestWhen(end - left), delay);
  });

  test.each([
    ['hourly at first', 0, HOUR_MS],
    ['hourly for an hour', 50 * MINUTE_MS, HOUR_MS],
    ['then in as long as it has been expired', 5 * HOUR_MS, 5 * HOUR_MS],
    ['daily at last', 40 * DAY_MS, DAY_MS],
  ])('that has expired: %s', (_what, since, delay) => {
    expectWithin(longestWhen(end + since), delay);
  });

  test('the schedule applies when it is sooner', () => {
    expectWithin(longestWhen(end - DAY_MS, 1), MINUTE_MS);
    expectWithin(longestWhen(end + DAY_MS, 2), 10 * MINUTE_MS);
    expectWithin(longestWhen(end - DAY_MS, 9, failure('transient')), 10 * MINUTE_MS);
  });

  test('Retry-After takes precedence', () => {
    const now = end - HOUR_MS;
    expect(nextAttemptAt(failure('backoff', end + HOUR_MS), 9, now, KEY, certificate)).toBeGreaterThanOrEqual(
      end + HOUR_MS,
    );
  });

  test('of an hour: a fiftieth of it is the shortest delay', () => {
    const short = certificateWithLifetime(HOUR_MS);
    const now = NOT_BEFORE + HOUR_MS - MINUTE_MS;
    expect(nextAttemptAt(failure('backoff'), 9, now, KEY, short) - now).toBe(72_000);
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
          const delay = nextAttemptAt(failure(mode), attempts, now, KEY, any) - now;
          expect(delay).toBeGreaterThan(0);
          expect(delay).toBeLessThanOrEqual(Math.max(left / 4, Math.min(12 * MINUTE_MS, seconds * 20)) + 1);
        },
      ),
    );
  });
});
