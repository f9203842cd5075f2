/** The real watch workflow, and a stand-in for a cluster's workflow that records the signals it receives. */
import { condition, defineQuery, defineSignal, setHandler, upsertSearchAttributes } from '@temporalio/workflow';
import {
  type ClusterCertificatesInput,
  certificateRevoked,
  clusterGone,
  clusterObserved,
  dependencyChanged,
  renewalWindowChanged,
  requestClaimed,
} from '../../../src/contract/cluster-certificates.ts';
import { CertState } from '../../../src/contract/search-attributes.ts';

export { managementClusterWatch } from '../../../workflows/management-cluster-watch.ts';

/** Signals received so far, in order. */
export const receivedSignals = defineQuery<readonly string[]>('receivedSignals');
export const setState = defineSignal<[string]>('setState');
export const finish = defineSignal('finish');

export async function clusterCertificates(input: ClusterCertificatesInput): Promise<readonly string[]> {
  const received: string[] = [];
  let finished = false;
  setHandler(receivedSignals, () => received);
  setHandler(clusterObserved, (view) => void received.push(view.deleting ? 'observed deleting' : 'observed'));
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
  setHandler(setState, (state) => upsertSearchAttributes([{ key: CertState, value: state }]));
  setHandler(finish, () => {
    finished = true;
  });
  await condition(() => finished);
  return received;
}
