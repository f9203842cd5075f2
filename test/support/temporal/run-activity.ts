import { type ActivityCancellationDetails, ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger, type LogEntry } from '@temporalio/worker';
import type { FailureInfo } from '../../../src/failures/failure.ts';

/** How an attempt begins. */
export interface Attempt {
  /** Default 1. */
  readonly attempt?: number;
  /** Epoch milliseconds. Default: long ago. */
  readonly scheduledAt?: number;
  /** As Temporal knows it. */
  readonly activityType?: string;
  /** What the attempt before it recorded. */
  readonly heartbeatDetails?: unknown;
  /** Called with each heartbeat. */
  readonly onHeartbeat?: (details: unknown) => void;
  /** Called with each log line from `INFO` on. */
  readonly onLog?: (entry: LogEntry) => void;
  /** Called at the start with what cancels the activity. */
  readonly onStart?: (cancel: (details?: ActivityCancellationDetails) => void) => void;
  /** Cancels it so long after its start. */
  readonly cancelAfterMs?: number;
}

/** Runs one attempt of an activity as a worker would. */
export async function runActivity<Input, Result>(
  activity: (input: Input) => Promise<Result>,
  input: Input,
  attempt: Attempt = {},
): Promise<Result> {
  const environment = new MockActivityEnvironment(
    {
      attempt: attempt.attempt ?? 1,
      ...(attempt.activityType === undefined ? {} : { activityType: attempt.activityType }),
      ...(attempt.scheduledAt === undefined ? {} : { scheduledTimestampMs: attempt.scheduledAt }),
      ...('heartbeatDetails' in attempt ? { heartbeatDetails: attempt.heartbeatDetails } : {}),
    },
    { logger: attempt.onLog === undefined ? new DefaultLogger('ERROR') : new DefaultLogger('INFO', attempt.onLog) },
  );
  if (attempt.onHeartbeat !== undefined) environment.on('heartbeat', attempt.onHeartbeat);
  if (attempt.cancelAfterMs !== undefined) setTimeout(() => environment.cancel(), attempt.cancelAfterMs);
  attempt.onStart?.((details) => environment.cancel('CANCELLED', details));
  return await environment.run(activity, input);
}

/** The typed failure that an attempt ends with. @throws Error when it ends otherwise. */
export async function failureOf(running: Promise<unknown>): Promise<FailureInfo & { readonly retryDelayMs?: number }> {
  try {
    await running;
  } catch (error) {
    if (!(error instanceof ApplicationFailure)) throw error;
    const info = error.details?.[0] as FailureInfo;
    const delay = error.nextRetryDelay;
    return { ...info, ...(typeof delay === 'number' ? { retryDelayMs: delay } : {}) };
  }
  throw new Error('it did not fail');
}
