/** Reports the state of a bundle: status and Event of its CertificateRequest and of its ClusterDeployment. */
import type { StatusReport } from '../../certificates/status-report.ts';
import type { ClusterIdentity } from '../../clusters/cluster-view.ts';
import type { ResourceType } from '../api/kubernetes-api.ts';
import type { ManagementClusterAccess } from './apply-certificate-request.ts';
import { requestOwnershipOf } from './certificate-request.ts';
import { recordEvent } from './events.ts';
import { isStandalone } from './primary-object.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS } from './resources.ts';

/** Objects that do not exist, or belong to another cluster, are skipped. @throws CertmanError the first of several failures. */
export async function reportStatus(
  { kubernetes, requestStatus, bundleStatus }: ManagementClusterAccess,
  { cluster, report }: { readonly cluster: ClusterIdentity; readonly report: StatusReport },
  signal?: AbortSignal,
): Promise<void> {
  const { namespace, uid } = cluster;
  const standalone = isStandalone(cluster);
  const record = async (resource: ResourceType, name: string, uid: string): Promise<void> => {
    if (report.event === undefined) return;
    await recordEvent(kubernetes, { resource, namespace, name, uid }, report.event, signal);
  };
  const onRequest = async (): Promise<void> => {
    const request = await requestStatus.write(
      { namespace, name: report.requestName },
      report,
      (metadata) => (standalone ? metadata.uid === uid : requestOwnershipOf(metadata, cluster).kind !== 'foreign'),
      signal,
    );
    if (request?.uid !== undefined) await record(CERTIFICATE_REQUESTS, request.name, request.uid);
  };
  const onCluster = async (): Promise<void> => {
    const bundle = { name: report.bundleName, generated: report.certificate !== undefined };
    await bundleStatus.write(cluster, bundle, (metadata) => metadata.uid === uid, signal);
  };
  const work = standalone ? [onRequest()] : [onRequest(), onCluster(), record(CLUSTER_DEPLOYMENTS, cluster.name, uid)];
  // All are settled, so that nothing continues after the activity has ended.
  for (const result of await Promise.allSettled(work)) if (result.status === 'rejected') throw result.reason;
}
