import { describe, expect, test } from 'vitest';
import { nextAttemptAt } from '../../../src/certificates/retry-schedule.ts';
import { scheduleRetry } from '../../../src/certificates/scheduled-retry.ts';
import { type FailureCode, type FailureInfo, retryModeOf } from '../../../src/failures/failure.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const KEY = 'uid-1/api';
const TOMORROW = '2026-01-02T00:00:00.000Z';

const failure = (code: FailureCode): FailureInfo => ({ code, message: 'no', retry: retryModeOf(code) });
const failedBefore = (code: FailureCode, nextAttempt?: string) => ({
  failure: failure(code),
  attempts: 2,
  nextAttempt,
});

describe('an attempt that a signal brought forward', () => {
  test.each([
    'kubernetes/unreachable',
    'dns/credentialsMissing',
    'acme/accountMissing',
    'acme/caChanged',
    'acme/unreachable',
    'configuration/invalid',
    'names/none',
  ] as const)('and that failed as before, without the CA, changes nothing: %s', (code) => {
    expect(scheduleRetry(failure(code), NOW, KEY, failedBefore(code, TOMORROW))).toMatchObject({ attempts: 2 });
  });

  test('keeps the instant that was scheduled, unless an earlier one is due now', () => {
    const soon = '2026-01-01T00:00:10.000Z';
    const code = 'dns/credentialsMissing';
    expect(scheduleRetry(failure(code), NOW, KEY, failedBefore(code, soon)).nextAttempt).toBe(soon);
    const { nextAttempt } = scheduleRetry(failure(code), NOW, KEY, failedBefore(code, TOMORROW));
    expect(Date.parse(nextAttempt)).toBe(nextAttemptAt(failure(code), 2, NOW, KEY));
  });

  test.each([
    'acme/orderInvalid',
    'acme/challengeFailed',
    'acme/rateLimited',
    'acme/accountUnknown',
    'issuance/cancelled',
    'worker/lost',
  ] as const)('counts when the CA was asked, or may have been: %s', (code) => {
    expect(scheduleRetry(failure(code), NOW, KEY, failedBefore(code, TOMORROW))).toMatchObject({ attempts: 3 });
  });

  test('counts when it failed for another reason', () => {
    const before = failedBefore('dns/accessDenied', TOMORROW);
    expect(scheduleRetry(failure('dns/credentialsMissing'), NOW, KEY, before)).toMatchObject({ attempts: 3 });
  });

  test('is never repeated before its own notBefore', () => {
    const notBefore = '2026-01-01T06:00:00.000Z';
    const limited = { ...failure('kubernetes/unreachable'), notBefore };
    const before = failedBefore('kubernetes/unreachable', '2026-01-01T00:00:10.000Z');
    const { attempts, nextAttempt } = scheduleRetry(limited, NOW, KEY, before);
    expect(attempts).toBe(2);
    expect(nextAttempt >= notBefore).toBe(true);
  });
});

test('an attempt at its scheduled time counts', () => {
  const code = 'dns/credentialsMissing';
  for (const nextAttempt of [new Date(NOW).toISOString(), undefined])
    expect(scheduleRetry(failure(code), NOW, KEY, failedBefore(code, nextAttempt))).toMatchObject({ attempts: 3 });
  expect(scheduleRetry(failure(code), NOW, KEY, undefined)).toMatchObject({ attempts: 1 });
});

test.each(['rateLimit/exactSet', 'rateLimit/newOrders', 'rateLimit/namespace'] as const)(
  'a wait for %s is no attempt',
  (code) => {
    expect(scheduleRetry(failure(code), NOW, KEY, failedBefore('acme/orderInvalid'))).toMatchObject({ attempts: 2 });
  },
);
