import { describe, expect, test } from 'vitest';
import { toApplicationFailure } from '../../../activities/wrap-activity.ts';
import { type FailureCode, failureInfo } from '../../../src/failures/failure.ts';

const WAIT_MS = 60_000;

function delaysOf(code: FailureCode, count = 200): readonly number[] {
  return Array.from({ length: count }, () => {
    const notBefore = new Date(Date.now() + WAIT_MS).toISOString();
    return Number(toApplicationFailure(failureInfo({ code, message: 'later', notBefore })).nextRetryDelay);
  });
}

describe('an activity that may be retried at an instant that the other side stated', () => {
  test('is retried then or later, spread over half of the wait', () => {
    const delays = delaysOf('acme/serverError');
    expect(Math.min(...delays)).toBeGreaterThan(WAIT_MS - 5_000);
    expect(Math.max(...delays) - Math.min(...delays)).toBeGreaterThan(WAIT_MS / 4);
    expect(Math.max(...delays)).toBeLessThanOrEqual(1.5 * WAIT_MS + 1);
  });

  test('is retried just then where it polls what is its own', () => {
    for (const delay of delaysOf('acme/pending', 20)) expect(delay).toBeLessThanOrEqual(WAIT_MS);
  });

  test('is left to the workflow where it waits for its turn', () => {
    const notBefore = new Date(Date.now() + WAIT_MS).toISOString();
    const turn = failureInfo({ code: 'rateLimit/newOrders', message: 'others first', notBefore });
    expect(toApplicationFailure(turn)).toMatchObject({ nonRetryable: true });
  });
});
