/** The real watch beside a stand-in for the workflow of a cluster that only writes down what it is told. */
import { condition, defineQuery, defineSignal, setHandler, upsertSearchAttributes } from '@temporalio/workflow';
import {
  CertState,
  type ClusterCertificatesInput,
  certificateRevoked,
  clusterGone,
  clusterObserved,
  renewalWindowMoved,
  requestClaimed,
  surroundingsChanged,
} from '../../workflows/contract.ts';

export { managementClusterWatch } from '../../workflows/management-cluster-watch.ts';

/** What it was told so far, in order. */
export const told = defineQuery<readonly string[]>('told');
export const pretendState = defineSignal<[string]>('pretendState');
export const finish = defineSignal('finish');

export async function clusterCertificates(input: ClusterCertificatesInput): Promise<readonly string[]> {
  const heard: string[] = [];
  let finished = false;
  setHandler(told, () => heard);
  setHandler(clusterObserved, (view) => void heard.push(view.deleting ? 'observed deleting' : 'observed'));
  setHandler(clusterGone, () => void heard.push(`gone with ${input.cluster.bundles.map((b) => b.name).join(' ')}`));
  setHandler(requestClaimed, ({ clusterDeployment }) => {
    heard.push(`claimed by ${clusterDeployment}`);
    finished = true;
  });
  setHandler(surroundingsChanged, ({ what }) => void heard.push(what));
  setHandler(renewalWindowMoved, ({ bundleName, window }) => void heard.push(`${bundleName} from ${window.start}`));
  setHandler(certificateRevoked, (revoked) => void heard.push(`${revoked.bundleName} ${revoked.serialNumber} revoked`));
  setHandler(pretendState, (state) => upsertSearchAttributes([{ key: CertState, value: state }]));
  setHandler(finish, () => {
    finished = true;
  });
  await condition(() => finished);
  return heard;
}
