/**
 * The watch on a hub, for ever: one long activity, which Temporal keeps running exactly once, on whichever worker lives.
 * It tells the workflows of the clusters what changed; it does nothing to a certificate itself.
 */
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
import type { Activities, WatchCheckpoint } from '../src/contract/activities.ts';
import {
  type ManagementClusterWatchInput,
  type WatchStatus,
  watchStatus,
  watchTakenOver,
} from '../src/contract/management-cluster-watch.ts';

/** How often the watch may change hands within one run before the history is begun afresh. */
const MAX_TAKEOVERS_PER_RUN = 200;

/** After a failure that retrying by itself does not mend (a defect, a missing right): long enough not to be hot. */
const PAUSE_AFTER_FAILURE_MS = 10_000;

export async function managementClusterWatch(input: ManagementClusterWatchInput): Promise<never> {
  let status: WatchStatus = {
    takeovers: input.carried?.takeovers ?? 0,
    ...(input.carried?.watching === undefined ? {} : { holder: input.carried.watching }),
  };
  let takeoversOfRun = 0;
  const show = (next: WatchStatus): void => {
    status = next;
    setCurrentDetails(watchDetails(input.managementCluster, next));
  };
  setHandler(watchStatus, () => status, { description: 'Who watches the hub, since when, and what went wrong last.' });
  setHandler(
    watchTakenOver,
    ({ worker }) => {
      takeoversOfRun += 1;
      show({ holder: { worker, since: new Date(Date.now()).toISOString() }, takeovers: status.takeovers + 1 });
    },
    { description: 'A worker has taken over the watch.' },
  );
  show(status);

  const due = (): boolean => takeoversOfRun >= MAX_TAKEOVERS_PER_RUN || workflowInfo().continueAsNewSuggested;
  let resumeFrom = input.carried?.resumeFrom;
  try {
    resumeFrom = await watchUntil(due, input.managementCluster, resumeFrom);
  } catch (error) {
    if (isCancellation(error)) throw error;
    // Listing afresh is always right; the position may be what was wrong.
    resumeFrom = undefined;
    show({ ...status, lastFailure: messageOf(error) });
    await sleep(PAUSE_AFTER_FAILURE_MS, { summary: 'Pause before the watch is started again after a failure' });
  }
  return await continueAsNew<typeof managementClusterWatch>({
    managementCluster: input.managementCluster,
    carried: {
      takeovers: status.takeovers,
      ...(resumeFrom === undefined ? {} : { resumeFrom }),
      ...(status.holder === undefined ? {} : { watching: status.holder }),
    },
  });
}

/** Runs the activity; when the run is due to end it is asked to stop, and still says how far it came. */
async function watchUntil(
  due: () => boolean,
  managementCluster: string,
  resumeFrom: WatchCheckpoint | undefined,
): Promise<WatchCheckpoint> {
  const { watchManagementCluster } = proxyActivities<Activities>({
    startToCloseTimeout: '24 hours',
    heartbeatTimeout: '10 seconds',
    // The type is an enumeration by name; its answer is awaited because it carries the position.
    cancellationType: 'WAIT_CANCELLATION_COMPLETED' satisfies ActivityCancellationType,
    // Every death of a worker counts as a failed attempt: the hundredth take-over of a day is to be as quick as the third.
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '3 seconds' },
    summary: `Watch ClusterDeployments and what belongs to them on ${managementCluster}`,
  });
  const scope = new CancellationScope();
  let over = false;
  const watching = scope
    .run(() => watchManagementCluster(resumeFrom === undefined ? {} : { resumeFrom }))
    .finally(() => {
      over = true;
    });
  const stopWhenDue = async (): Promise<void> => {
    await condition(() => over || due());
    if (!over) scope.cancel();
  };
  const [positions] = await Promise.all([watching, stopWhenDue()]);
  return positions;
}

function watchDetails(managementCluster: string, status: WatchStatus): string {
  const who =
    status.holder === undefined
      ? 'No worker has taken the watch yet.'
      : `Watched by **${status.holder.worker}** since ${status.holder.since}.`;
  const problem =
    status.lastFailure === undefined ? '' : `\n\nThe last attempt failed: ${status.lastFailure} It is begun again.`;
  return `### Watch on ${managementCluster}\n\n${who} Taken over ${status.takeovers} time${status.takeovers === 1 ? '' : 's'} so far.${problem}`;
}

function messageOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return (cause instanceof Error ? cause.message : String(cause)).slice(0, 500);
}
