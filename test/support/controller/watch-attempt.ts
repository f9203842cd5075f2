/** How the current attempt of the watch activity started, by Temporal. */
import type { Client } from '@temporalio/client';
import { watchWorkflowId } from '../../../src/contract/ids.ts';

export interface WatchAttempt {
  /** A dead worker is replaced after this. */
  readonly heartbeatTimeoutSeconds: number;
  /** Whether the previous attempt ended by a heartbeat time-out. */
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
