/** How the activity of the watch came to the worker that runs it now, as Temporal tells of it. */
import type { Client } from '@temporalio/client';
import { watchWorkflowId } from '../../../src/contract/ids.ts';

export interface WatchAttempt {
  /** A worker that dies is replaced after this. */
  readonly heartbeatTimeoutSeconds: number;
  /** Whether the attempt before ended because its worker was silent for so long. */
  readonly afterSilence: boolean;
}

/** `TIMEOUT_TYPE_HEARTBEAT` of temporal.api.enums.v1. */
const HEARTBEAT = 4;

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
