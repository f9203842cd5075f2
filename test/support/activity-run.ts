import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { AcmeActivities } from '../../activities/contract.ts';
import type { FailureInfo } from '../../src/failures/failure.ts';

/** How an attempt begins. */
export interface Attempt {
  /** Default 1. */
  readonly attempt?: number;
  /** What the attempt before it recorded. */
  readonly heartbeatDetails?: unknown;
  /** Called with each heartbeat. */
  readonly onHeartbeat?: (details: unknown) => void;
  /** Cancels it so long after its start. */
  readonly cancelAfterMs?: number;
}

/** Runs one attempt of an activity as a worker would. */
export async function runActivity<Name extends keyof AcmeActivities>(
  activities: AcmeActivities,
  name: Name,
  input: Parameters<AcmeActivities[Name]>[0],
  attempt: Attempt = {},
): Promise<Awaited<ReturnType<AcmeActivities[Name]>>> {
  const environment = new MockActivityEnvironment(
    {
      attempt: attempt.attempt ?? 1,
      activityType: name,
      ...('heartbeatDetails' in attempt ? { heartbeatDetails: attempt.heartbeatDetails } : {}),
    },
    { logger: new DefaultLogger('ERROR') },
  );
  if (attempt.onHeartbeat !== undefined) environment.on('heartbeat', attempt.onHeartbeat);
  if (attempt.cancelAfterMs !== undefined) setTimeout(() => environment.cancel(), attempt.cancelAfterMs);
  type Result = Awaited<ReturnType<AcmeActivities[Name]>>;
  // The name ties input and result together; TypeScript cannot see that through a union of functions.
  const activity = activities[name] as unknown as (given: unknown) => Promise<Result>;
  return await environment.run<[unknown], Result, typeof activity>(activity, input);
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
