import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type PollClient, Poller, type PollResult, pauseAfterFailure } from '../../../src/controller/poller.ts';
import { CertmanError } from '../../../src/failures/failure.ts';

// Fake timers do not reach the pauses of node:timers/promises.
vi.mock('../../../src/kubernetes/api/backoff.ts', async (original) => ({
  ...(await original<object>()),
  pause: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)),
}));

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

describe('an outage of a host', () => {
  const stop = new AbortController();
  const silent = { info: () => {}, warn: () => {}, error: () => {} };
  let results: (() => Promise<readonly PollResult[]>)[];
  let subjects: readonly string[];
  let poller: Poller<string>;

  beforeEach(() => {
    vi.useFakeTimers();
    results = [];
    subjects = ['a'];
    const client: PollClient<string> = {
      concurrency: 2,
      failurePauseMs: { first: 1, max: 1 },
      outageMessages: { failing: 'failing', recovered: 'recovered' },
      subjects: () => subjects,
      keyOf: (subject) => subject,
      hostOf: () => 'host',
      poll: () => results.shift()?.() ?? Promise.resolve([]),
    };
    poller = new Poller(client, { logger: silent, signal: stop.signal });
    poller.run().catch(() => undefined);
  });

  afterEach(() => vi.useRealTimers());

  test.each(['answered', 'responded'] as const)('ends when a subject is %s', async (kind) => {
    results = [() => Promise.reject(failure()), () => Promise.resolve([{ kind, nextPollAt: Date.now() + HOUR_MS }])];
    await vi.advanceTimersByTimeAsync(6_000);
    expect(poller.failing).toBe(true);
    await vi.advanceTimersByTimeAsync(12_000);
    expect(poller.failing).toBe(false);
    expect(poller.answeredCount).toBe(kind === 'answered' ? 1 : 0);
  });

  test('lasts while subjects are skipped', async () => {
    results = [
      () => Promise.reject(failure()),
      () => Promise.resolve([{ kind: 'skipped', nextPollAt: Date.now() + HOUR_MS }]),
    ];
    await vi.advanceTimersByTimeAsync(18_000);
    expect(poller.failing).toBe(true);
  });

  test('is forgotten a day after its last subject is gone', async () => {
    results = [() => Promise.reject(failure())];
    await vi.advanceTimersByTimeAsync(6_000);
    subjects = [];
    await vi.advanceTimersByTimeAsync(25 * HOUR_MS);
    expect(poller.failing).toBe(false);
  });
});
