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
      changes: () => subjects,
      find: (key) => subjects.find((subject) => subject === key),
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

test('subjects that were told the same instant are polled after it, not all at once', async () => {
  vi.useFakeTimers();
  try {
    const told = Date.now() + 10 * HOUR_MS;
    const polled: number[] = [];
    const client: PollClient<string> = {
      concurrency: 100,
      failurePauseMs: { first: 1, max: 1 },
      outageMessages: { failing: 'failing', recovered: 'recovered' },
      changes: () => Array.from({ length: 100 }, (_, index) => String(index)),
      find: (key) => key,
      keyOf: (subject) => subject,
      hostOf: () => 'host',
      poll: (batch) => {
        if (Date.now() > told) polled.push(...batch.map(() => Date.now()));
        return Promise.resolve(
          batch.map(() => ({ kind: 'answered', nextPollAt: Date.now() > told ? Infinity : told })),
        );
      },
    };
    const signal = new AbortController().signal;
    const logger = { info: () => {}, warn: () => {}, error: () => {} };
    new Poller(client, { logger, signal }).run().catch(() => undefined);
    await vi.advanceTimersByTimeAsync(12 * HOUR_MS);
    expect(polled).toHaveLength(100);
    expect(Math.max(...polled) - Math.min(...polled)).toBeGreaterThan(HOUR_MS / 2);
    expect(Math.max(...polled)).toBeLessThan(told + 1.1 * HOUR_MS);
  } finally {
    vi.useRealTimers();
  }
});

test('a subject that many certificates share is looked up once for all their changes', async () => {
  vi.useFakeTimers();
  const stop = new AbortController();
  try {
    let found = 0;
    const client: PollClient<string> = {
      concurrency: 1,
      failurePauseMs: { first: 1, max: 1 },
      outageMessages: { failing: 'failing', recovered: 'recovered' },
      changes: () => Array.from({ length: 1_000 }, () => 'one'),
      find: (key) => {
        found += 1;
        return key;
      },
      keyOf: (subject) => subject,
      hostOf: () => 'host',
      poll: (batch) => Promise.resolve(batch.map(() => ({ kind: 'answered', nextPollAt: Date.now() + HOUR_MS }))),
    };
    const logger = { info: () => {}, warn: () => {}, error: () => {} };
    const poller = new Poller(client, { logger, signal: stop.signal });
    poller.run().catch(() => undefined);
    await vi.advanceTimersByTimeAsync(6_000);
    expect(poller.answeredCount).toBe(1);
    // Once more when it is due.
    expect(found).toBe(2);
  } finally {
    stop.abort();
    vi.useRealTimers();
  }
});

test('another version of a subject is due at once or when the client says, a new subject when the client says', async () => {
  vi.useFakeTimers();
  const stop = new AbortController();
  try {
    let polls = 0;
    let changed = ['one'];
    let version = 1;
    let delayMs = 0;
    const client: PollClient<string> = {
      concurrency: 1,
      failurePauseMs: { first: 1, max: 1 },
      outageMessages: { failing: 'failing', recovered: 'recovered' },
      changes: () => changed.splice(0),
      find: (key) => key,
      keyOf: (subject) => subject,
      hostOf: () => 'host',
      versionOf: () => version,
      earliestPollAt: (_subject, now) => now + delayMs,
      firstPollAt: (_subject, now) => now + 12 * HOUR_MS,
      poll: (batch) => {
        polls += 1;
        return Promise.resolve(batch.map(() => ({ kind: 'answered', nextPollAt: Date.now() + 12 * HOUR_MS })));
      },
    };
    const logger = { info: () => {}, warn: () => {}, error: () => {} };
    new Poller(client, { logger, signal: stop.signal }).run().catch(() => undefined);
    const pollsAfter = async (ms: number) => {
      await vi.advanceTimersByTimeAsync(ms);
      return polls;
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
  } finally {
    stop.abort();
    vi.useRealTimers();
  }
});

test('a change makes a subject due that was planned later; without a change it costs nothing', async () => {
  vi.useFakeTimers();
  const stop = new AbortController();
  try {
    let polls = 0;
    let changed = ['one'];
    let dueAtOnce = false;
    const client: PollClient<string> = {
      concurrency: 1,
      failurePauseMs: { first: 1, max: 1 },
      outageMessages: { failing: 'failing', recovered: 'recovered' },
      changes: () => changed.splice(0),
      find: (key) => key,
      keyOf: (subject) => subject,
      hostOf: () => 'host',
      changeDueAt: (_subject, now) => (dueAtOnce ? now : undefined),
      poll: (batch) => {
        polls += 1;
        return Promise.resolve(batch.map(() => ({ kind: 'answered', nextPollAt: Date.now() + 12 * HOUR_MS })));
      },
    };
    const logger = { info: () => {}, warn: () => {}, error: () => {} };
    new Poller(client, { logger, signal: stop.signal }).run().catch(() => undefined);
    const pollsAfter = async (ms: number) => {
      await vi.advanceTimersByTimeAsync(ms);
      return polls;
    };
    expect(await pollsAfter(6_000)).toBe(1);
    changed = ['one'];
    expect(await pollsAfter(60_000)).toBe(1);
    dueAtOnce = true;
    expect(await pollsAfter(60_000)).toBe(1);
    changed = ['one'];
    expect(await pollsAfter(6_000)).toBe(2);
    expect(await pollsAfter(HOUR_MS)).toBe(2);
  } finally {
    stop.abort();
    vi.useRealTimers();
  }
});

describe('subjects whose hosts users can choose', () => {
  interface Crl {
    readonly url: string;
    readonly namespace: string;
  }
  const stop = new AbortController();
  const silent = { info: () => {}, warn: () => {}, error: () => {} };
  /** Of the URL, in order. */
  let polled: string[];

  beforeEach(() => {
    vi.useFakeTimers();
    polled = [];
  });
  afterEach(() => vi.useRealTimers());

  function start(subjects: readonly Crl[], answer: (crl: Crl) => Promise<PollResult>): Poller<Crl> {
    const poller = new Poller<Crl>(
      {
        concurrency: 1,
        failurePauseMs: { first: 5_000, max: 300_000 },
        outageMessages: { failing: 'failing', recovered: 'recovered' },
        changes: () => subjects.map(({ url }) => url),
        find: (key) => subjects.find(({ url }) => url === key),
        keyOf: ({ url }) => url,
        hostOf: ({ url }) => new URL(url).host,
        namespacesOf: ({ namespace }) => [namespace],
        poll: async ([crl]) => {
          if (crl === undefined) return [];
          polled.push(crl.url);
          return [await answer(crl)];
        },
      },
      { logger: silent, signal: stop.signal },
    );
    poller.run().catch(() => undefined);
    return poller;
  }
  const later = (): number => Date.now() + HOUR_MS;
  const answered = (): Promise<PollResult> => Promise.resolve({ kind: 'answered', nextPollAt: later() });
  const failed = (): Promise<PollResult> =>
    Promise.resolve({ kind: 'failed', nextPollAt: later(), failure: failure() });

  test('are polled while another host does not answer', async () => {
    const hanging = Array.from({ length: 3 }, (_, index) => ({ url: `http://slow-${index}.example/`, namespace: 'a' }));
    const other = { url: 'http://other.example/', namespace: 'a' };
    start([...hanging, other], (crl) => (crl === other ? answered() : new Promise(() => {})));
    await vi.advanceTimersByTimeAsync(5_000);
    expect(polled).toContain(other.url);
  });

  test('are polled although one of their host cannot be fetched', async () => {
    const dead = { url: 'http://ca.example/dead', namespace: 'a' };
    const others = Array.from({ length: 20 }, (_, index) => ({
      url: `http://ca.example/${index}`,
      namespace: `n${index}`,
    }));
    const poller = start([dead, ...others], (crl) => (crl === dead ? failed() : answered()));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(poller.answeredCount).toBe(others.length);
    expect(polled.filter((url) => url === dead.url)).toHaveLength(1);
    expect(poller.failing).toBe(false);
  });

  test('have a share per namespace: many of one cannot hold up those of another', async () => {
    const many = Array.from({ length: 2_000 }, (_, index) => ({ url: `http://h${index}.example/`, namespace: 'many' }));
    const one = { url: 'http://ca.example/', namespace: 'one' };
    let responds: (() => void)[] = [];
    start([...many, one], (crl) =>
      crl === one
        ? answered()
        : new Promise((resolve) =>
            responds.push(() => resolve({ kind: 'failed', nextPollAt: later(), failure: failure() })),
          ),
    );
    await vi.advanceTimersByTimeAsync(5_000);
    for (let round = 0; round < 2; round += 1) {
      for (const respond of responds.splice(0)) respond();
      await vi.advanceTimersByTimeAsync(200);
    }
    responds = [];
    expect(polled.filter((url) => url === one.url)).toHaveLength(1);
    expect(polled).toHaveLength(11);
  });
});

describe('subjects in the background', () => {
  const logger = { info: () => {}, warn: () => {}, error: () => {} };
  let stop: AbortController;
  let held: boolean;
  let version: string;
  /** Keys in the order in which they were polled. */
  let polled: string[];
  let subjects: string[];

  beforeEach(() => {
    vi.useFakeTimers();
    stop = new AbortController();
    held = false;
    version = 'first';
    polled = [];
    subjects = Array.from({ length: 1_000 }, (_, index) => `old-${index}`);
  });
  afterEach(() => {
    stop.abort();
    vi.useRealTimers();
  });

  function start(poll: (key: string) => Promise<PollResult> = answered, foregroundPerSecond?: number): Poller<string> {
    const poller = new Poller<string>(
      {
        concurrency: 1,
        concurrentHosts: 32,
        failurePauseMs: { first: 1, max: 1 },
        outageMessages: { failing: 'failing', recovered: 'recovered' },
        changes: () => subjects,
        find: (key) => key,
        keyOf: (subject) => subject,
        versionOf: () => version,
        hostOf: (subject) => subject.replace(/@.*/, ''),
        namespacesOf: (subject) => [subject.replace(/.*#/, '')],
        background: { perSecond: 10, includes: (subject) => subject.startsWith('old'), isHeld: () => held },
        ...(foregroundPerSecond !== undefined && { foregroundPerSecond }),
        poll: async ([key = '']) => {
          polled.push(key);
          return [await poll(key)];
        },
      },
      { logger, signal: stop.signal },
    );
    poller.run().catch(() => undefined);
    return poller;
  }
  const answered = (): Promise<PollResult> =>
    Promise.resolve({ kind: 'answered', nextPollAt: Date.now() + 12 * HOUR_MS });

  test('leave a burst in the foreground its own pace, in turn by namespace', async () => {
    const others = ['new-a#one', ...subjects];
    subjects = [...Array.from({ length: 500 }, (_, index) => `new-${index}#many`), ...others];
    start(answered, 5);
    // They are planned after five seconds.
    await vi.advanceTimersByTimeAsync(25_000);
    const foreground = polled.filter((key) => key.startsWith('new'));
    expect(foreground.length).toBeGreaterThan(5 * 15);
    expect(foreground.length).toBeLessThanOrEqual(5 * 21);
    expect(foreground.slice(0, 2)).toContain('new-a#one');
    expect(polled.length - foreground.length).toBeGreaterThan(10 * 15);
    expect(new Set(polled).size).toBe(polled.length);
  });

  test('are polled at their pace and each once, however many are due', async () => {
    const poller = start();
    await vi.advanceTimersByTimeAsync(35_000);
    expect(polled.length).toBeGreaterThan(250);
    expect(polled.length).toBeLessThanOrEqual(310);
    expect(new Set(polled).size).toBe(polled.length);
    await vi.advanceTimersByTimeAsync(100_000);
    expect(polled.toSorted()).toEqual(subjects.toSorted());
    expect(poller.answeredCount).toBe(1_000);
  });

  test('hold up none of the others', async () => {
    start((key) => (key.startsWith('old') ? new Promise(() => undefined) : answered()));
    await vi.advanceTimersByTimeAsync(30_000);
    // Each of the 32 places has one that does not answer.
    expect(polled).toHaveLength(32);
    subjects.push('new');
    await vi.advanceTimersByTimeAsync(5_000);
    expect(polled.slice(32)).toEqual(['new']);
  });

  test('take turns by namespace: many of one hold up none of another', async () => {
    subjects = Array.from({ length: 5_000 }, (_, index) => `old-${index}#many`);
    start();
    await vi.advanceTimersByTimeAsync(6_000);
    subjects = [...subjects, 'old-a#few', 'old-b#few'];
    await vi.advanceTimersByTimeAsync(7_000);
    expect(polled.filter((key) => key.endsWith('#few')).toSorted()).toEqual(['old-a#few', 'old-b#few']);
    expect(polled.length).toBeGreaterThan(40);
  });

  test('take turns by namespace in the places of those that do not answer, too', async () => {
    const hanging = Array.from({ length: 5_000 }, (_, index) => `old-${index}#many`);
    subjects = hanging;
    const places: PromiseWithResolvers<PollResult>[] = [];
    start((key) => {
      if (!hanging.includes(key)) return answered();
      const place = Promise.withResolvers<PollResult>();
      places.push(place);
      return place.promise;
    });
    await vi.advanceTimersByTimeAsync(30_000);
    expect(polled).toHaveLength(32);
    subjects = [...hanging, 'old-a#few'];
    await vi.advanceTimersByTimeAsync(6_000);
    for (const place of places.slice(0, 2)) place.resolve(await answered());
    await vi.advanceTimersByTimeAsync(2_000);
    expect(polled).toContain('old-a#few');
  });

  test('of one host are polled one after the other', async () => {
    subjects = ['old-1@a', 'old-1@b', 'old-2@a'];
    const first = Promise.withResolvers<PollResult>();
    start((key) => (key === 'old-1@a' ? first.promise : answered()));
    await vi.advanceTimersByTimeAsync(30_000);
    expect(polled).toEqual(['old-1@a', 'old-2@a']);
    first.resolve(await answered());
    await vi.advanceTimersByTimeAsync(2_000);
    expect(polled).toEqual(['old-1@a', 'old-2@a', 'old-1@b']);
  });

  test('that are replaced wait for the next round, which plans them anew', async () => {
    subjects = ['new', 'old-1'];
    const ofRound = Promise.withResolvers<PollResult>();
    start((key) =>
      key === 'new' ? ofRound.promise : Promise.resolve({ kind: 'answered', nextPollAt: Date.now() + 60_000 }),
    );
    await vi.advanceTimersByTimeAsync(10_000);
    version = 'second';
    await vi.advanceTimersByTimeAsync(120_000);
    expect(polled).toEqual(['new', 'old-1']);
    ofRound.resolve(await answered());
    await vi.advanceTimersByTimeAsync(8_000);
    expect(polled.filter((key) => key === 'old-1')).toHaveLength(2);
  });

  test('wait while something else goes first, for an hour at most', async () => {
    held = true;
    subjects = ['new', 'old-1'];
    start();
    await vi.advanceTimersByTimeAsync(3_590_000);
    expect(polled).toEqual(['new']);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(polled).toEqual(['new', 'old-1']);
  });

  test('wait no longer where it pauses for a second now and then', async () => {
    held = true;
    start();
    for (let minute = 0; minute < 65; minute += 1) {
      await vi.advanceTimersByTimeAsync(59_000);
      held = false;
      await vi.advanceTimersByTimeAsync(1_000);
      held = true;
    }
    // Ten in each pause, and the rest once the hour is over.
    expect(polled.length).toBeGreaterThan(65 * 10);
    await vi.advanceTimersByTimeAsync(100_000);
    expect(polled.toSorted()).toEqual(subjects.toSorted());
  });

  test('end the poller with an error that is no failure of a host', async () => {
    const broken = new TypeError('broken');
    const poller = start(() => Promise.reject(broken));
    const ended = expect(poller.run()).rejects.toBe(broken);
    await vi.advanceTimersByTimeAsync(10_000);
    await ended;
  });
});
