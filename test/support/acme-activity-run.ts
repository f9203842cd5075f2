import type { AcmeActivities } from '../../activities/contract.ts';
import { type Attempt, runActivity } from './activity-run.ts';

/** Runs one attempt of an ACME activity, by its name. */
export async function runAcmeActivity<Name extends keyof AcmeActivities>(
  activities: AcmeActivities,
  name: Name,
  input: Parameters<AcmeActivities[Name]>[0],
  attempt: Attempt = {},
): Promise<Awaited<ReturnType<AcmeActivities[Name]>>> {
  type Result = Awaited<ReturnType<AcmeActivities[Name]>>;
  // The name ties input and result together; TypeScript cannot see that through a union of functions.
  const activity = activities[name] as unknown as (given: typeof input) => Promise<Result>;
  return await runActivity(activity, input, { activityType: name, ...attempt });
}
