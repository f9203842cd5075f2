import { setTimeout as sleep } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import type { AcmeActivities } from '../../../src/contract/activities.ts';
import { type Attempt, runActivity } from '../temporal/run-activity.ts';

/** How a run of an activity begins, and whether it may go on. */
export interface AcmeAttempt extends Attempt {
  /** Default false: while the CA is not done yet, the next attempt follows, as Temporal has it. */
  readonly once?: boolean;
}

/** Runs an ACME activity, by its name. */
export async function runAcmeActivity<Name extends keyof AcmeActivities>(
  activities: AcmeActivities,
  name: Name,
  input: Parameters<AcmeActivities[Name]>[0],
  { once = false, ...first }: AcmeAttempt = {},
): Promise<Awaited<ReturnType<AcmeActivities[Name]>>> {
  type Result = Awaited<ReturnType<AcmeActivities[Name]>>;
  // The name ties input and result together; TypeScript cannot see that through a union of functions.
  const activity = activities[name] as unknown as (given: typeof input) => Promise<Result>;
  let recorded: { readonly heartbeatDetails?: unknown } = {};
  const onHeartbeat = (heartbeatDetails: unknown): void => {
    recorded = { heartbeatDetails };
    first.onHeartbeat?.(heartbeatDetails);
  };
  for (let attempt = first.attempt ?? 1; ; attempt += 1) {
    try {
      return await runActivity(activity, input, { activityType: name, ...first, ...recorded, attempt, onHeartbeat });
    } catch (error) {
      if (once || !(error instanceof ApplicationFailure) || error.type !== 'acme/pending') throw error;
      await sleep(Number(error.nextRetryDelay ?? 0));
    }
  }
}
