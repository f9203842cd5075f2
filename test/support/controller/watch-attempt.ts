/** The attempts of the watch activity, by Temporal. */
import type { Client } from '@temporalio/client';
import { watchWorkflowId } from '../../../src/contract/ids.ts';
import { watchStatus } from '../../../src/contract/management-cluster-watch.ts';

export interface WatchAttempt {
  /** A dead worker is replaced after this. */
  readonly heartbeatTimeoutSeconds: number;
  /** Whether the previous attempt ended by a heartbeat time-out. */
  readonly afterSilence: boolean;
}

/** `TIMEOUT_TYPE_HEARTBEAT` of temporal.api.enums.v1. */
const HEARTBEAT = 4;

/** How the current attempt started. */
export async function watchAttempt(client: Client, managementCluster: string): Promise<WatchAttempt> {
  const handle = client.workflow.getHandle(watchWorkflowId(managementCluster));
  const [{ raw }, { events }] = await Promise.all([handle.describe(), handle.fetchHistory()]);
  const scheduled = events?.findLast((event) => event.activityTaskScheduledEventAttributes);
  const timeout = scheduled?.activityTaskScheduledEventAttributes?.heartbeatTimeout?.seconds;
  const failure = raw.pendingActivities?.[0]?.lastFailure?.timeoutFailureInfo;
  return {
    heartbeatTimeoutSeconds: Number(timeout ?? Number.POSITIVE_INFINITY),
    afterSilence: Number(failure?.timeoutType ?? 0) === HEARTBEAT,
  };
}

/** Whether nothing has ended the first attempt, unless a machine that stood still for ten seconds did. */
export async function watchesUnbroken(client: Client, managementCluster: string): Promise<boolean> {
  const { takeovers } = await client.workflow.getHandle(watchWorkflowId(managementCluster)).query(watchStatus);
  return takeovers === 1 || (await watchAttempt(client, managementCluster)).afterSilence;
}
