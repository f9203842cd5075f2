/** Reads from the resources why a decommission is blocked. */
import type { KubernetesObject } from '../../../../src/kubernetes/api/kubernetes-api.ts';
import type { WatchRecorder } from '../../kubernetes/watch-recorder.ts';
import { waitFor } from '../checks.ts';
import type { E2eCluster } from '../clusters.ts';
import { eventsOf, getClusterDeployment, getRequest } from '../evidence.ts';
import type { E2eHarness } from '../harness.ts';
import { instantsIn } from './instants.ts';
import type { MatrixCluster } from './states.ts';

/** Value of CERTMAN_DECOMMISSION_POLICY. */
export type Policy = 'release' | 'wait';

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

/**
 * Waits until a cluster is gone or its decommission is reported as blocked.
 * @param reports every status since before the deletion. With a limit, the decommission is over soon: its report can then come
 *   and go while a test on a busy machine looks elsewhere. Default: what is reported now.
 * @returns the reason of the condition Failing; undefined when the cluster is gone without such a report.
 * @throws CheckFailed when the report lacks the reason, the time of the next attempt, or what happens otherwise.
 */
export async function blockedReason(
  lab: E2eHarness,
  { cluster }: MatrixCluster,
  policy: Policy,
  reports?: WatchRecorder,
): Promise<string | undefined> {
  const isReport = (failing: Condition | undefined): failing is Condition =>
    failing?.status === 'True' && failing.message.includes(OUTCOME_WITHOUT_REPAIR[policy]);
  const { reason } = await waitFor(`${cluster.name} is gone or reported as blocked`, async () => {
    // First: what was reported before it was gone is in the list that is read afterwards.
    const isGone = (await getClusterDeployment(lab, cluster)) === undefined;
    const reported = reports === undefined ? [await failingCondition(lab, cluster)] : recorded(reports, cluster);
    const failing = reported.find(isReport);
    if (failing === undefined) {
      const isComplete = reports === undefined || hasSeenItsEnd(reports, cluster);
      return isGone && isComplete ? { reason: undefined } : `its condition is ${JSON.stringify(reported.at(-1))}`;
    }
    const events = await eventsOf(lab, cluster);
    if (!events.some((event) => event.startsWith('DecommissionBlocked: ')))
      return `its Events are ${events.join('; ')}`;
    if (instantsIn(failing.message).length === 0) return `the message has no instant: ${failing.message}`;
    return { reason: failing.reason };
  });
  return reason;
}

/** Condition Failing of each recorded status of the cluster's request. */
function recorded(reports: WatchRecorder, cluster: E2eCluster): readonly (Condition | undefined)[] {
  return changesOf(reports, cluster).flatMap(({ kind, object }) =>
    kind === 'applied' ? [failingConditionIn(object)] : [],
  );
}

/** Whether the request is deleted for the record, or never was there. */
function hasSeenItsEnd(reports: WatchRecorder, cluster: E2eCluster): boolean {
  const last = changesOf(reports, cluster).at(-1);
  return last === undefined || last.kind === 'deleted';
}

function changesOf({ events }: WatchRecorder, { namespace, requestName }: E2eCluster) {
  return events.flatMap((event) =>
    (event.kind === 'applied' || event.kind === 'deleted') &&
    event.object.metadata.namespace === namespace &&
    event.object.metadata.name === requestName
      ? [event]
      : [],
  );
}

/** What the message says happens if the step never succeeds. */
const OUTCOME_WITHOUT_REPAIR: Readonly<Record<Policy, string>> = {
  release: 'the finalizer is released without it.',
  wait: 'to release the cluster without it: certman release.',
};

async function failingCondition(lab: E2eHarness, cluster: E2eCluster): Promise<Condition | undefined> {
  return failingConditionIn(await getRequest(lab, cluster));
}

function failingConditionIn(request: KubernetesObject | undefined): Condition | undefined {
  const status = request?.['status'] as { readonly conditions?: readonly Condition[] } | undefined;
  return status?.conditions?.find(({ type }) => type === 'Failing');
}
