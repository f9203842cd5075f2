/** What the doctor makes of the watch's workflow and of its activity. */
import { msToTs } from '@temporalio/common/lib/time.js';
import proto from '@temporalio/proto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { judgeWatch, type WatchActivity, watchFinding } from '../../../../src/cli/doctor/watch-check.ts';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
// What waits by node:timers/promises waits by the fake timers.
vi.mock('../../../../src/kubernetes/api/backoff.ts', async (original) => ({
  ...(await original<object>()),
  pause: (ms: number) => pause(ms),
}));

const { PENDING_ACTIVITY_STATE_STARTED: STARTED, PENDING_ACTIVITY_STATE_SCHEDULED: SCHEDULED } =
  proto.temporal.api.enums.v1.PendingActivityState;
const NOW = Date.parse('2026-11-30T12:00:00Z');

const activity = (more: Partial<WatchActivity> = {}): WatchActivity => ({
  state: STARTED,
  attempt: 1,
  lastWorkerIdentity: 'worker-1',
  ...more,
});
const judge = (described: WatchActivity | undefined, isRunning = true) =>
  judgeWatch('watch/mc', { isRunning, activity: described }, { now: NOW, remedy: 'Look.' });
const beatAt = (agoMs: number) => ({ lastHeartbeatTime: msToTs(NOW - agoMs) });

it.each([
  ['a heartbeat of a moment ago', activity(beatAt(3_000)), 'worker-1'],
  ['a heartbeat before a takeover', activity({ ...beatAt(60_000), state: SCHEDULED, attempt: 2 }), 'worker-1'],
  ['a first attempt that has just begun', activity(), 'worker-1, which has just taken over'],
])('passes with %s', (_name, described, message) => {
  expect(judge(described)).toMatchObject({ status: 'passed', message });
});

it.each([
  ['no workflow', undefined, false, /watch\/mc does not run/],
  ['a workflow without an activity', undefined, true, /watch\/mc has no activity/],
  ['no worker that starts it', activity({ state: SCHEDULED, lastWorkerIdentity: null }), true, /no heartbeat yet/],
  ['an old heartbeat', activity(beatAt(121_000)), true, /\(attempt 1\) sent its last heartbeat .* ago/],
  [
    'attempts that fail before a heartbeat',
    activity({ attempt: 7, lastFailure: { message: 'no right to list' } }),
    true,
    /\(attempt 7\) has sent no heartbeat yet; the attempt before failed: no right to list\./,
  ],
])('fails with %s', (_name, described, isRunning, message) => {
  expect(() => judge(described, isRunning)).toThrow(message);
});

describe('a watch without a heartbeat', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** @param answers of Temporal, each after a while; the last one stays. @returns what is found, and after how many milliseconds. */
  async function find(answers: readonly (WatchActivity | undefined)[], answersAfterMs: number, timeoutMs = 10_000) {
    const left = [...answers];
    const { signal } = new AbortController();
    const describeWatch = async () => {
      await pause(answersAfterMs);
      const [next] = left.length > 1 ? left.splice(0, 1) : left;
      return { status: { name: 'RUNNING' }, raw: { pendingActivities: next === undefined ? [] : [next] } };
    };
    const client = { workflow: { getHandle: () => ({ describe: describeWatch }) } } as never;
    const from = performance.now();
    let ms = Number.NaN;
    const finding = watchFinding(client, 'watch/mc', { remedy: 'Look.', signal, timeoutMs })
      .then(
        ({ message }) => message,
        (error: Error) => error.message,
      )
      .finally(() => {
        ms = performance.now() - from;
      });
    await vi.advanceTimersByTimeAsync(20_000);
    const message = await finding;
    return { message, ms };
  }

  it('passes once a worker has taken over', async () => {
    const { message } = await find([undefined, activity({ state: SCHEDULED }), activity(), undefined], 1);
    expect(message).toBe('worker-1, which has just taken over');
  });

  it.each([
    ['eight seconds of the ten that a check has', 1, 10_000, 7_400, 8_000],
    ['as long where Temporal answers slowly', 1_500, 10_000, 6_000, 9_500],
    ['less where the check has less time', 1, 3_000, 1_800, 2_400],
  ])('fails after %s', async (_name, answersAfterMs, timeoutMs, atLeast, atMost) => {
    const { message, ms } = await find([undefined], answersAfterMs, timeoutMs);
    expect(message).toContain('has no activity');
    expect(ms).toBeGreaterThanOrEqual(atLeast);
    expect(ms).toBeLessThanOrEqual(atMost);
  });
});
