import { setTimeout as sleep } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import type { AcmeActivities } from '../../../src/contract/activities.ts';
import { type Attempt, runActivity } from '../temporal/run-activity.ts';

/** How a run of an activity starts, and whether it is retried. */
export interface AcmeAttempt extends Attempt {
  /** Default false: `acme/pending` is retried, as by Temporal. */
  readonly once?: boolean;
}

/** Runs an ACME activity by name. */
export async function runAcmeActivity<Name extends keyof AcmeActivities>(
  activities: AcmeActivities,
  name: Name,
  input: Parameters<AcmeActivities[Name]>[0],
  { once = false, ...first }: AcmeAttempt = {},
): Promise<Awaited<ReturnType<AcmeActivities[Name]>>> {
  type Result = Awaited<ReturnType<AcmeActivities[Name]>>;
  // TypeScript does not relate input and result of a union of functions.
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
