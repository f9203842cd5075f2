import type { ClusterIdentity } from '../../clusters/cluster-identity.ts';
import { requestName } from '../../clusters/request-name.ts';
import type { ReportStatusInput } from '../../contract/activities.ts';
import type { ObjectMeta } from '../api/kubernetes-api.ts';
import type { ManagementClusterAccess } from './apply-certificate-request.ts';
import { requestOwnershipOf } from './certificate-request.ts';
import type { InvolvedObject, RecordEvent } from './events.ts';
import { involvedObjectOf, isStandalone } from './primary-object.ts';
import { CERTIFICATE_REQUESTS } from './resources.ts';

/**
 * Reports a bundle's state; skips objects that are missing or another cluster's.
 * @throws the first failure of a status. An Event that cannot be recorded is none.
 */
export async function reportStatus(
  {
    kubernetes,
    requestStatus,
    bundleStatus,
  }: Pick<ManagementClusterAccess, 'kubernetes' | 'requestStatus' | 'bundleStatus'>,
  { cluster, report }: ReportStatusInput,
  recordEvent: RecordEvent,
): Promise<void> {
  const { namespace, uid } = cluster;
  const standalone = isStandalone(cluster);
  const record = async (object: InvolvedObject): Promise<void> => {
    if (report.event !== undefined) await recordEvent(object, report.event);
  };
  const onRequest = async (): Promise<void> => {
    const request = await requestStatus.write(
      kubernetes,
      { namespace, name: report.requestName },
      report,
      (metadata) => (standalone ? metadata.uid === uid : isRequestOf(metadata, cluster, report.bundleName)),
    );
    if (request?.uid === undefined) return;
    await record({ resource: CERTIFICATE_REQUESTS, namespace, name: request.name, uid: request.uid });
  };
  const onCluster = async (): Promise<void> => {
    const bundle = { name: report.bundleName, generated: report.certificate !== undefined };
    await bundleStatus.write(kubernetes, cluster, bundle, (metadata) => metadata.uid === uid);
  };
  const work = standalone ? [onRequest()] : [onRequest(), onCluster(), record(involvedObjectOf(cluster))];
  // All are settled, so that nothing continues after the activity has ended.
  for (const result of await Promise.allSettled(work)) if (result.status === 'rejected') throw result.reason;
}

/** One without an owner, as certman-operator may have left it, by its name only: any other may be a standalone one. */
function isRequestOf(request: ObjectMeta, cluster: ClusterIdentity, bundleName: string): boolean {
  const { kind } = requestOwnershipOf(request, cluster);
  return kind === 'owned' || (kind === 'orphaned' && request.name === requestName(cluster.name, bundleName));
}
