/** Subjects that hold up none of the others: of hosts that users can choose, and in the background. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Poller, PollResult } from '../../../src/controller/poller.ts';
import { CertmanError } from '../../../src/failures/failure.ts';
import { startPoller } from '../../support/controller/start-poller.ts';

// Fake timers do not reach the pauses of node:timers/promises.
vi.mock('../../../src/kubernetes/api/backoff.ts', async (original) => ({
  ...(await original<object>()),
  pause: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)),
}));

const HOUR_MS = 3_600_000;

const failure = (): CertmanError => new CertmanError({ code: 'crl/unreachable', message: 'HTTP 503' });

describe('subjects whose hosts users can choose', () => {
  interface Crl {
    readonly url: string;
    readonly namespace: string;
  }
  const stop = new AbortController();
  /** Of the URL, in order. */
  let polled: string[];

  beforeEach(() => {
    vi.useFakeTimers();
    polled = [];
  });
  afterEach(() => vi.useRealTimers());

  function start(subjects: readonly Crl[], answer: (crl: Crl) => Promise<PollResult>): Poller<Crl> {
    return startPoller<Crl>(
      {
        failurePauseMs: { first: 5_000, max: 300_000 },
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
      stop.signal,
    );
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
    return startPoller<string>(
      {
        concurrentHosts: 32,
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
      stop.signal,
    );
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
