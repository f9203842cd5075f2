/** Whether a controller watches the management cluster, by what Temporal says of its workflow and of that one's activity. */
import type { Client } from '@temporalio/client';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import proto from '@temporalio/proto';
import { describeIfKept } from '../../controller/describe-workflow.ts';
import { pause } from '../../kubernetes/api/backoff.ts';
import { formatRelative } from '../output.ts';
import { CheckFailure, type Found, passed } from './check.ts';

/** The controller's activity heartbeats every few seconds. */
const HEARTBEATS_WITHIN_MS = 120_000;

/** A run that has just begun has no activity for a moment. */
const SETTLED_WITHIN_MS = 8_000;
/** Of the time that the check has: what is left suffices for an answer. */
const SETTLED_WITHIN_SHARE = 0.8;
const POLL_INTERVAL_MS = 500;

const { PendingActivityState } = proto.temporal.api.enums.v1;

/** A pending activity as Temporal describes it, as far as it is judged. */
export type WatchActivity = Pick<
  proto.temporal.api.workflow.v1.IPendingActivityInfo,
  'state' | 'attempt' | 'lastHeartbeatTime' | 'lastWorkerIdentity' | 'lastFailure'
>;

/** The workflow of the watch. */
export interface DescribedWatch {
  readonly isRunning: boolean;
  readonly activity: WatchActivity | undefined;
}

/** How the watch is asked about. */
export interface WatchQuestion {
  /** Of a failure. */
  readonly remedy: string;
  readonly signal: AbortSignal;
  /** After which the signal is aborted. */
  readonly timeoutMs: number;
}

/**
 * Asks again for some seconds while a worker may be about to take over.
 * @throws CheckFailure of {@link judgeWatch}. @throws what the request throws.
 */
export async function watchFinding(
  client: Pick<Client, 'workflow'>,
  workflowId: string,
  { remedy, signal, timeoutMs }: WatchQuestion,
): Promise<Found<void>> {
  const askUntil = performance.now() + Math.min(SETTLED_WITHIN_MS, SETTLED_WITHIN_SHARE * timeoutMs);
  for (;;) {
    const watch = await describeWatch(client, workflowId);
    try {
      return judgeWatch(workflowId, watch, { now: Date.now(), remedy });
    } catch (error) {
      if (!watch.isRunning || hasHeartbeat(watch) || performance.now() + POLL_INTERVAL_MS > askUntil) throw error;
    }
    await pause(POLL_INTERVAL_MS, signal);
  }
}

/**
 * The first attempt has until its heartbeat time-out to send a heartbeat: Temporal ends it otherwise.
 * @param now epoch milliseconds. @throws CheckFailure: no change of the management cluster is seen.
 */
export function judgeWatch(
  workflowId: string,
  { isRunning, activity }: DescribedWatch,
  { now, remedy }: { readonly now: number; readonly remedy: string },
): Found<void> {
  if (!isRunning || activity === undefined) {
    throw new CheckFailure(
      `The workflow ${workflowId} ${isRunning ? 'has no activity' : 'does not run'}: no change of the management cluster is seen.`,
      `A worker starts it within two minutes. ${remedy}`,
    );
  }
  const { state, lastWorkerIdentity, lastFailure } = activity;
  const attempt = activity.attempt ?? 1;
  const worker = lastWorkerIdentity ?? '';
  const beat = optionalTsToMs(activity.lastHeartbeatTime);
  if (beat !== undefined && now - beat < HEARTBEATS_WITHIN_MS) return passed(worker);
  const isStarted = state === PendingActivityState.PENDING_ACTIVITY_STATE_STARTED;
  if (beat === undefined && isStarted && attempt === 1) return passed(`${worker}, which has just taken over`);
  const since =
    beat === undefined
      ? 'has sent no heartbeat yet'
      : `sent its last heartbeat ${formatRelative(new Date(beat).toISOString(), now)}`;
  const failure = lastFailure?.message ?? '';
  throw new CheckFailure(
    `Its activity (attempt ${attempt}) ${since}${failure === '' ? '' : `; the attempt before failed: ${failure.slice(0, 300)}`}.`,
    `No change of the management cluster is seen meanwhile. ${remedy}`,
  );
}

function hasHeartbeat({ activity }: DescribedWatch): boolean {
  return optionalTsToMs(activity?.lastHeartbeatTime) !== undefined;
}

async function describeWatch(client: Pick<Client, 'workflow'>, workflowId: string): Promise<DescribedWatch> {
  const described = await describeIfKept(client.workflow.getHandle(workflowId));
  return { isRunning: described?.status.name === 'RUNNING', activity: described?.raw.pendingActivities?.[0] };
}
