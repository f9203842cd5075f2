/** The real watch workflow, and a stand-in for a cluster's workflow that records the signals it receives. */
import {
  condition,
  defineQuery,
  defineSignal,
  setHandler,
  upsertMemo,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import { type ClusterView, clusterDigest, isOlderView } from '../../../src/clusters/cluster-view.ts';
import {
  type ClusterCertificatesInput,
  certificateRevoked,
  clusterGone,
  clusterObserved,
  dependencyChanged,
  renewalWindowChanged,
  requestClaimed,
} from '../../../src/contract/cluster-certificates.ts';
import { VIEW_DIGEST } from '../../../src/contract/cluster-memo.ts';
import { CertReason, CertState } from '../../../src/contract/search-attributes.ts';

export { managementClusterWatch } from '../../../workflows/management-cluster-watch.ts';

/** Signals received so far, in order. */
export const receivedSignals = defineQuery<readonly string[]>('receivedSignals');
/** State, and the reason of its failure if there is one. */
export const setState = defineSignal<[string, string?]>('setState');
export const finish = defineSignal('finish');

export async function clusterCertificates(input: ClusterCertificatesInput): Promise<readonly string[]> {
  const received: string[] = [];
  let finished = false;
  setHandler(receivedSignals, () => received);
  let last: ClusterView | undefined;
  const observe = (view: ClusterView): void => {
    if (last !== undefined && isOlderView(view, last)) return void received.push('observed older');
    last = view;
    received.push(view.deleting ? 'observed deleting' : 'observed');
    upsertMemo({ [VIEW_DIGEST]: clusterDigest(view) });
  };
  setHandler(clusterObserved, observe);
  setHandler(clusterGone, () => void received.push(`gone with ${input.cluster.bundles.map((b) => b.name).join(' ')}`));
  setHandler(requestClaimed, ({ clusterDeployment }) => {
    received.push(`claimed by ${clusterDeployment}`);
    finished = true;
  });
  setHandler(dependencyChanged, ({ what }) => void received.push(what));
  setHandler(
    renewalWindowChanged,
    ({ bundleName, window }) => void received.push(`${bundleName} from ${window.start}`),
  );
  setHandler(
    certificateRevoked,
    (revoked) => void received.push(`${revoked.bundleName} ${revoked.serialNumber} revoked`),
  );
  setHandler(setState, (state, reason = state) =>
    upsertSearchAttributes([
      { key: CertState, value: state },
      { key: CertReason, value: reason },
    ]),
  );
  setHandler(finish, () => {
    finished = true;
  });
  // A signal that comes with the start is handled by now. Without one, the view that the run starts with is observed.
  if (received.length === 0) observe(input.cluster);
  await condition(() => finished);
  return received;
}
