import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type PollClient, type Poller, type PollResult, pauseAfterFailure } from '../../../src/controller/poller.ts';
import { CertmanError } from '../../../src/failures/failure.ts';
import { startKeyPoller, startPoller, type TestPollClient } from '../../support/controller/start-poller.ts';

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
  let results: (() => Promise<readonly PollResult[]>)[];
  let subjects: readonly string[];
  let poller: Poller<string>;

  beforeEach(() => {
    vi.useFakeTimers();
    results = [];
    subjects = ['a'];
    const client: TestPollClient<string> = {
      concurrency: 2,
      changes: () => subjects,
      find: (key) => subjects.find((subject) => subject === key),
      keyOf: (subject) => subject,
      hostOf: () => 'host',
      poll: () => results.shift()?.() ?? Promise.resolve([]),
    };
    poller = startPoller(client, stop.signal);
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

describe('a subject', () => {
  let stop: AbortController;
  let changed: string[];

  beforeEach(() => {
    vi.useFakeTimers();
    stop = new AbortController();
    changed = ['one'];
  });
  afterEach(() => {
    stop.abort();
    vi.useRealTimers();
  });

  const start = (client: Partial<PollClient<string>> = {}, nextPollAt = () => Date.now() + 12 * HOUR_MS) =>
    startKeyPoller({ changes: () => changed.splice(0), ...client }, nextPollAt, stop.signal);

  test('is polled after the instant that it was given, not with all that were given the same', async () => {
    const given = Date.now() + 10 * HOUR_MS;
    changed = Array.from({ length: 100 }, (_, index) => String(index));
    const { polled } = start({ concurrency: 100 }, () => (Date.now() > given ? Infinity : given));
    await vi.advanceTimersByTimeAsync(12 * HOUR_MS);
    const later = polled.filter((at) => at > given);
    expect(later).toHaveLength(100);
    expect(Math.max(...later) - Math.min(...later)).toBeGreaterThan(HOUR_MS / 2);
    expect(Math.max(...later)).toBeLessThan(given + 1.1 * HOUR_MS);
  });

  test('that many certificates share is looked up once for all their changes', async () => {
    let found = 0;
    const find = (key: string): string => {
      found += 1;
      return key;
    };
    const { poller } = start({ find, changes: () => Array.from({ length: 1_000 }, () => 'one') });
    await vi.advanceTimersByTimeAsync(6_000);
    expect(poller.answeredCount).toBe(1);
    // Once more when it is due.
    expect(found).toBe(2);
  });

  test('of another version is due at once or when the client says, a new one when the client says', async () => {
    let version = 1;
    let delayMs = 0;
    const { polled } = start({
      versionOf: () => version,
      earliestPollAt: (_subject, now) => now + delayMs,
      firstPollAt: (_subject, now) => now + 12 * HOUR_MS,
    });
    const pollsAfter = async (ms: number) => {
      await vi.advanceTimersByTimeAsync(ms);
      return polled.length;
    };
    expect(await pollsAfter(60_000)).toBe(0);
    version = 2;
    changed = ['one'];
    expect(await pollsAfter(6_000)).toBe(1);
    changed = ['one'];
    expect(await pollsAfter(HOUR_MS)).toBe(1);
    version = 3;
    delayMs = 60_000;
    changed = ['one'];
    expect(await pollsAfter(50_000)).toBe(1);
    expect(await pollsAfter(20_000)).toBe(2);
  });

  test('that was planned later is due with a change; without a change it costs nothing', async () => {
    let dueAtOnce = false;
    const { polled } = start({ changeDueAt: (_subject, now) => (dueAtOnce ? now : undefined) });
    const pollsAfter = async (ms: number) => {
      await vi.advanceTimersByTimeAsync(ms);
      return polled.length;
    };
    expect(await pollsAfter(6_000)).toBe(1);
    changed = ['one'];
    expect(await pollsAfter(60_000)).toBe(1);
    dueAtOnce = true;
    expect(await pollsAfter(60_000)).toBe(1);
    changed = ['one'];
    expect(await pollsAfter(6_000)).toBe(2);
    expect(await pollsAfter(HOUR_MS)).toBe(2);
  });
});
