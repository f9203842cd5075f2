/** The controller: one long activity, exactly once, on any worker. It sends signals and never changes a certificate. */
import {
  type ActivityCancellationType,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { WatchCheckpoint } from '../src/contract/activities/watch.ts';
import type { Activities } from '../src/contract/activities.ts';
import {
  isTakeover,
  type ManagementClusterWatchInput,
  type WatchStatus,
  watchStatus,
  watchTakenOver,
} from '../src/contract/management-cluster-watch.ts';
import { PRIORITIES } from '../src/contract/priorities.ts';
import { counted } from '../src/failures/counted.ts';
import { onSignal } from './on-signal.ts';

const MAX_TAKEOVERS_PER_RUN = 200;

/** Between attempts after a failure that is not transient (a defect, a missing permission). */
const PAUSE_AFTER_FAILURE_MS = 10_000;

/** Runs for ever: until a person cancels it. */
export async function managementClusterWatch({
  managementCluster,
  carried,
}: ManagementClusterWatchInput): Promise<never> {
  let status: WatchStatus = { takeovers: carried?.takeovers ?? 0, holder: carried?.holder };
  let takeoversOfRun = 0;
  const show = (next: WatchStatus): void => {
    status = next;
    setCurrentDetails(watchDetails(managementCluster, next));
  };
  setHandler(watchStatus, () => status, {
    description: 'The worker that watches the management cluster, since when, and the last failure.',
  });
  onSignal(
    watchTakenOver,
    isTakeover,
    ({ worker }) => {
      takeoversOfRun += 1;
      show({ holder: { worker, since: new Date(Date.now()).toISOString() }, takeovers: status.takeovers + 1 });
    },
    'A worker has taken over the watch.',
  );
  show(status);

  const isDue = (): boolean => takeoversOfRun >= MAX_TAKEOVERS_PER_RUN || workflowInfo().continueAsNewSuggested;
  let resumeFrom: WatchCheckpoint | undefined;
  try {
    resumeFrom = await watchUntil(isDue, managementCluster, carried?.resumeFrom);
  } catch (error) {
    if (isCancellation(error)) throw error;
    // The next run lists: the checkpoint may be the cause.
    show({ ...status, lastFailure: messageOf(error) });
    await sleep(PAUSE_AFTER_FAILURE_MS, { summary: 'restart the watch after a failure' });
  }
  const { takeovers, holder } = status;
  return await continueAsNew<typeof managementClusterWatch>({
    managementCluster,
    carried: { takeovers, holder, resumeFrom },
  });
}

/** Cancels the activity when the run is due to end. @returns its checkpoint. */
async function watchUntil(
  isDue: () => boolean,
  managementCluster: string,
  resumeFrom: WatchCheckpoint | undefined,
): Promise<WatchCheckpoint> {
  const { watchManagementCluster } = proxyActivities<Activities>({
    startToCloseTimeout: '24 hours',
    heartbeatTimeout: '10 seconds',
    // Its result, the checkpoint, is awaited. (The SDK exports this enumeration as a type.)
    cancellationType: 'WAIT_CANCELLATION_COMPLETED' satisfies ActivityCancellationType,
    // A worker's death counts as a failed attempt, so the interval must not grow with the takeovers of a day.
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '3 seconds' },
    summary: `watch ${managementCluster}`,
    priority: PRIORITIES.urgent,
  });
  const scope = new CancellationScope();
  const watching = scope.run(() => watchManagementCluster({ resumeFrom }));
  await Promise.race([watching, condition(isDue)]);
  // No effect once the activity has ended.
  scope.cancel();
  return await watching;
}

function watchDetails(managementCluster: string, { holder, takeovers, lastFailure }: WatchStatus): string {
  const watcher =
    holder === undefined ? 'No worker watches yet.' : `Watched by **${holder.worker}** since ${holder.since}.`;
  const failure = lastFailure === undefined ? '' : `\n\nThe last attempt failed: ${lastFailure} It is retried.`;
  return `### Watch on ${managementCluster}\n\n${watcher} Taken over ${counted(takeovers, 'time')} so far.${failure}`;
}

function messageOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return (cause instanceof Error ? cause.message : String(cause)).slice(0, 500);
}
