/** Reads from the resources why a decommission is blocked. */
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
 * @returns the reason of the condition Failing; undefined when the cluster is gone.
 * @throws CheckFailed when the report lacks the reason, the time of the next attempt, or what happens otherwise.
 */
export async function blockedReason(
  lab: E2eHarness,
  { cluster }: MatrixCluster,
  policy: Policy,
): Promise<string | undefined> {
  const { reason } = await waitFor(`${cluster.name} is gone or reported as blocked`, async () => {
    if ((await getClusterDeployment(lab, cluster)) === undefined) return { reason: undefined };
    const failing = await failingCondition(lab, cluster);
    if (failing?.status !== 'True' || !failing.message.includes(OUTCOME_WITHOUT_REPAIR[policy])) {
      return `its condition is ${JSON.stringify(failing)}`;
    }
    const events = await eventsOf(lab, cluster);
    if (!events.some((event) => event.startsWith('DecommissionBlocked: ')))
      return `its Events are ${events.join('; ')}`;
    if (instantsIn(failing.message).length === 0) return `the message has no instant: ${failing.message}`;
    return { reason: failing.reason };
  });
  return reason;
}

/** What the message says happens if the step never succeeds. */
const OUTCOME_WITHOUT_REPAIR: Readonly<Record<Policy, string>> = {
  release: 'the finalizer is released without it.',
  wait: 'to let the cluster go without it: certman release.',
};

async function failingCondition(lab: E2eHarness, cluster: E2eCluster): Promise<Condition | undefined> {
  const status = (await getRequest(lab, cluster))?.['status'] as
    | { readonly conditions?: readonly Condition[] }
    | undefined;
  return status?.conditions?.find(({ type }) => type === 'Failing');
}
