import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pauseAfterFailure } from '../../../src/controller/poller.ts';
import { CertmanError } from '../../../src/failures/failure.ts';

const HOUR_MS = 3_600_000;
const NOW = Date.parse('2026-11-28T00:00:00Z');

const failure = (retryAfterMs?: number): CertmanError =>
  new CertmanError({
    code: 'crl/unreachable',
    message: 'HTTP 503',
    notBefore: retryAfterMs === undefined ? undefined : new Date(NOW + retryAfterMs),
  });

describe('after a failure, a poller', () => {
  test('waits for the back-off when the server does not say how long', () => {
    expect(pauseAfterFailure(HOUR_MS / 2, failure(), NOW)).toBe(HOUR_MS / 2);
  });

  test('never asks before the server says, up to a day, nor before the back-off', () => {
    fc.assert(
      fc.property(fc.nat(400 * 24 * HOUR_MS), fc.integer({ min: 1, max: HOUR_MS }), (retryAfterMs, backoffMs) => {
        const pauseMs = pauseAfterFailure(backoffMs, failure(retryAfterMs), NOW);
        expect(pauseMs).toBeGreaterThanOrEqual(Math.min(retryAfterMs, 24 * HOUR_MS));
        expect(pauseMs).toBeGreaterThanOrEqual(backoffMs);
        expect(pauseMs).toBeLessThanOrEqual(24 * HOUR_MS);
      }),
    );
  });
});
