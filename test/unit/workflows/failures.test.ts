import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  RetryState,
  TimeoutFailure,
  TimeoutType,
} from '@temporalio/common';
import { describe, expect, test } from 'vitest';
import {
  failureIn,
  isTimeoutWithoutRetry,
  lastHeartbeatDetailsIn,
  unfinishedStepIn,
} from '../../../workflows/failures.ts';

const failed = (cause: Error, retryState: RetryState = RetryState.MAXIMUM_ATTEMPTS_REACHED): ActivityFailure =>
  new ActivityFailure('placeOrder failed', 'placeOrder', '5', retryState, 'worker-1', cause);

describe('what an activity had recorded before all its attempts ended by time-outs', () => {
  test('is what the last one said with its heartbeats', () => {
    const recorded = { orderUrl: 'https://ca.example.com/my-order/a' };
    const timeOut = new TimeoutFailure('activity Heartbeat timeout', recorded, TimeoutType.HEARTBEAT);
    expect(lastHeartbeatDetailsIn(failed(timeOut))).toEqual(recorded);
  });

  test('is nothing when none said anything, or when the last one failed by itself', () => {
    const silent = new TimeoutFailure('activity Heartbeat timeout', undefined, TimeoutType.HEARTBEAT);
    expect(lastHeartbeatDetailsIn(failed(silent))).toBeUndefined();
    expect(lastHeartbeatDetailsIn(failed(ApplicationFailure.create({ message: 'no' })))).toBeUndefined();
  });
});

test('a time-out is left to the workflow only where the retry policy says so', () => {
  const timeOut = new TimeoutFailure('activity Heartbeat timeout', undefined, TimeoutType.HEARTBEAT);
  const { NON_RETRYABLE_FAILURE, MAXIMUM_ATTEMPTS_REACHED, CANCEL_REQUESTED } = RetryState;
  expect(isTimeoutWithoutRetry(failed(timeOut, NON_RETRYABLE_FAILURE))).toBe(true);
  expect(isTimeoutWithoutRetry(failed(timeOut, MAXIMUM_ATTEMPTS_REACHED))).toBe(false);
  expect(isTimeoutWithoutRetry(failed(timeOut, CANCEL_REQUESTED))).toBe(false);
  const refused = ApplicationFailure.create({ message: 'no', nonRetryable: true });
  expect(isTimeoutWithoutRetry(failed(refused, NON_RETRYABLE_FAILURE))).toBe(false);
});

describe('an activity that no worker has ended', () => {
  test.each([
    [TimeoutType.HEARTBEAT, 'The step placeOrder failed: every worker that ran it stopped heartbeating.'],
    [
      TimeoutType.START_TO_CLOSE,
      'The step placeOrder failed: no worker finished it within the time limit (START_TO_CLOSE).',
    ],
  ])('has a code of its own and is tried again soon: %s', (type, message) => {
    const failure = failureIn(failed(new TimeoutFailure('activity timeout', undefined, type)));
    expect(failure).toMatchObject({ code: 'worker/lost', retry: 'transient', message });
  });
});

describe('what an activity of several steps left unfinished', () => {
  const { SCHEDULE_TO_CLOSE } = TimeoutType;
  const failure = (unfinished: object) =>
    ApplicationFailure.create({ type: 'acme/pending', details: [{ code: 'acme/pending', message: '' }, unfinished] });
  /** Of the last attempt, which Temporal links to the failure of the one before. */
  const timedOut = (heartbeat: unknown, before?: Error) =>
    failed(Object.assign(new TimeoutFailure('activity timeout', heartbeat, SCHEDULE_TO_CLOSE), { cause: before }));

  test('is what its failure or its cancellation says', () => {
    expect(unfinishedStepIn(failed(failure({ notFinalized: true })))).toEqual({ notFinalized: true });
    expect(unfinishedStepIn(failed(new CancelledFailure('cancelled', [{ published: true }])))).toEqual({
      published: true,
    });
    expect(unfinishedStepIn(failed(new CancelledFailure('cancelled', ['ACTIVITY_ID_NOT_STARTED'])))).toBeUndefined();
  });

  test('of a time-out: an attempt before had not finalized, but the last one may have', () => {
    expect(unfinishedStepIn(timedOut(undefined, failure({ notFinalized: true })))).toBeUndefined();
  });

  test('of a time-out: what an attempt had published still is, whether it failed or heartbeated', () => {
    expect(unfinishedStepIn(timedOut(undefined, failure({ published: true })))).toEqual({ published: true });
    expect(unfinishedStepIn(timedOut({ step: 'verifyPropagation' }))).toEqual({ published: true });
    // Steps that come after it.
    expect(unfinishedStepIn(timedOut({ step: 'finalizeOrder' }))).toEqual({ published: true });
    expect(unfinishedStepIn(timedOut({ zoneId: 'Z1', change: 'C1' }))).toBeUndefined();
  });
});
