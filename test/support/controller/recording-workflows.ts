/** The real watch beside a stand-in for the workflow of a cluster that only writes down what it is told. */
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

/** What it was told so far, in order. */
export const receivedSignals = defineQuery<readonly string[]>('receivedSignals');
export const setState = defineSignal<[string]>('setState');
export const finish = defineSignal('finish');

export async function clusterCertificates(input: ClusterCertificatesInput): Promise<readonly string[]> {
  const heard: string[] = [];
  let finished = false;
  setHandler(receivedSignals, () => heard);
  setHandler(clusterObserved, (view) => void heard.push(view.deleting ? 'observed deleting' : 'observed'));
  setHandler(clusterGone, () => void heard.push(`gone with ${input.cluster.bundles.map((b) => b.name).join(' ')}`));
  setHandler(requestClaimed, ({ clusterDeployment }) => {
    heard.push(`claimed by ${clusterDeployment}`);
    finished = true;
  });
  setHandler(dependencyChanged, ({ what }) => void heard.push(what));
  setHandler(renewalWindowChanged, ({ bundleName, window }) => void heard.push(`${bundleName} from ${window.start}`));
  setHandler(certificateRevoked, (revoked) => void heard.push(`${revoked.bundleName} ${revoked.serialNumber} revoked`));
  setHandler(setState, (state) => upsertSearchAttributes([{ key: CertState, value: state }]));
  setHandler(finish, () => {
    finished = true;
  });
  await condition(() => finished);
  return heard;
}
