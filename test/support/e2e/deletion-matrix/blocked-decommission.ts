/** What the resources say of an end that is held up. */
import { waitFor } from '../checks.ts';
import type { E2eCluster } from '../clusters.ts';
import { eventsOf, getClusterDeployment, getRequest } from '../evidence.ts';
import type { E2eHarness } from '../harness.ts';
import { instantsIn } from './instants.ts';
import type { MatrixCluster } from './states.ts';

/** By which policy the worker goes. */
export type Policy = 'release' | 'wait';

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

/**
 * Waits until the end of a cluster is over, or told to be held up.
 * @returns the reason that the CertificateRequest gives; undefined when it is over.
 * @throws CheckFailed when what is told does not say why, when it is tried again, and what happens otherwise.
 */
export async function blockedReason(
  lab: E2eHarness,
  { cluster }: MatrixCluster,
  policy: Policy,
): Promise<string | undefined> {
  const { reason } = await waitFor(`${cluster.name} is gone, or told to be held up`, async () => {
    if ((await getClusterDeployment(lab, cluster)) === undefined) return { reason: undefined };
    const failing = await failingCondition(lab, cluster);
    if (failing?.status !== 'True' || !failing.message.includes(OUTCOME_WITHOUT_REPAIR[policy])) {
      return `its condition is ${JSON.stringify(failing)}`;
    }
    const said = await eventsOf(lab, cluster);
    if (!said.some((event) => event.startsWith('DecommissionBlocked: '))) return `its Events say ${said.join('; ')}`;
    if (instantsIn(failing.message).length === 0) return `it does not say until when: ${failing.message}`;
    return { reason: failing.reason };
  });
  return reason;
}

/** What becomes of it if it never can be done. */
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
