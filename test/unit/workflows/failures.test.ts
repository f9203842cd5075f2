import { ActivityFailure, ApplicationFailure, RetryState, TimeoutFailure, TimeoutType } from '@temporalio/common';
import { describe, expect, test } from 'vitest';
import { recordedBeforeTimeOut } from '../../../workflows/failures.ts';

const failed = (cause: Error): ActivityFailure =>
  new ActivityFailure('placeOrder failed', 'placeOrder', '5', RetryState.MAXIMUM_ATTEMPTS_REACHED, 'worker-1', cause);

describe('what an activity had recorded before all its attempts ended by time-outs', () => {
  test('is what the last one said with its heartbeats', () => {
    const recorded = { orderUrl: 'https://ca.example.com/my-order/a' };
    const timeOut = new TimeoutFailure('activity Heartbeat timeout', recorded, TimeoutType.HEARTBEAT);
    expect(recordedBeforeTimeOut(failed(timeOut))).toEqual(recorded);
  });

  test('is nothing when none said anything, or when the last one failed by itself', () => {
    const silent = new TimeoutFailure('activity Heartbeat timeout', undefined, TimeoutType.HEARTBEAT);
    expect(recordedBeforeTimeOut(failed(silent))).toBeUndefined();
    expect(recordedBeforeTimeOut(failed(ApplicationFailure.create({ message: 'no' })))).toBeUndefined();
  });
});
