/** What the doctor makes of the watch's workflow and of its activity. */
import { msToTs } from '@temporalio/common/lib/time.js';
import proto from '@temporalio/proto';
import { expect, it } from 'vitest';
import { judgeWatch, type WatchActivity } from '../../../../src/cli/doctor/watch-check.ts';

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
