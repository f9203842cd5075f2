/** Workflow code of a client that can write to the Temporal namespace: runs any activity of certman's workers. */
import { type ActivityFunction, proxyActivities } from '@temporalio/workflow';

export interface ForgedActivity {
  readonly activity: string;
  readonly args: readonly unknown[];
  /** Of certman's workers. */
  readonly taskQueue: string;
}

export async function forgeActivity({ activity, args, taskQueue }: ForgedActivity): Promise<unknown> {
  const activities = proxyActivities<Record<string, ActivityFunction>>({
    taskQueue,
    startToCloseTimeout: '1 minute',
    retry: { maximumAttempts: 1 },
  });
  return await activities[activity]?.(...args);
}
