import type { StatusReport } from '../../certificates/status-report.ts';
import type { ClusterIdentity } from '../../clusters/cluster-identity.ts';
import { requestName } from '../../clusters/request-name.ts';
import type { ReportStatusInput } from '../../contract/activities/kubernetes.ts';
import type { ObjectMeta } from '../api/kubernetes-api.ts';
import type { ManagementClusterAccess } from './apply-certificate-request.ts';
import { requestOwnershipOf } from './certificate-request.ts';
import type { InvolvedObject, RecordEvent } from './events.ts';
import { involvedObjectOf, isStandalone } from './primary-object.ts';
import { CERTIFICATE_REQUESTS } from './resources.ts';

/** Where statuses are written. */
type StatusAccess = Pick<ManagementClusterAccess, 'kubernetes' | 'requestStatus' | 'bundleStatus'>;

/**
 * Reports a bundle's state; skips objects that are missing or another cluster's.
 * @throws the first failure of a status. An Event that cannot be recorded is none.
 */
export async function reportStatus(
  access: StatusAccess,
  { cluster, report }: ReportStatusInput,
  recordEvent: RecordEvent,
): Promise<void> {
  const { namespace } = cluster;
  const record = async (object: InvolvedObject): Promise<void> => {
    if (report.event !== undefined) await recordEvent(object, report.event);
  };
  const onRequest = async (): Promise<void> => {
    const request = await writeRequestStatus(access, cluster, report);
    if (request?.uid === undefined) return;
    await record({ resource: CERTIFICATE_REQUESTS, namespace, name: request.name, uid: request.uid });
  };
  await settled(
    isStandalone(cluster)
      ? [onRequest()]
      : [onRequest(), writeBundleStatuses(access, cluster, [report]), record(involvedObjectOf(cluster))],
  );
}

/** Writes the states of several bundles of a cluster. @throws the first failure. */
export async function writeStatuses(
  access: StatusAccess,
  cluster: ClusterIdentity,
  reports: readonly StatusReport[],
): Promise<void> {
  const onRequests = reports.map((report) => writeRequestStatus(access, cluster, report));
  await settled(isStandalone(cluster) ? onRequests : [...onRequests, writeBundleStatuses(access, cluster, reports)]);
}

/** All are settled, so that nothing continues after the activity has ended. */
async function settled(work: readonly Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(work)) if (result.status === 'rejected') throw result.reason;
}

async function writeRequestStatus(
  { kubernetes, requestStatus }: StatusAccess,
  cluster: ClusterIdentity,
  report: StatusReport,
): Promise<ObjectMeta | undefined> {
  const key = { namespace: cluster.namespace, name: report.requestName };
  return await requestStatus.write(kubernetes, key, report, (metadata) =>
    isStandalone(cluster) ? metadata.uid === cluster.uid : isRequestOf(metadata, cluster, report.bundleName),
  );
}

async function writeBundleStatuses(
  { kubernetes, bundleStatus }: StatusAccess,
  cluster: ClusterIdentity,
  reports: readonly StatusReport[],
): Promise<void> {
  const bundles = reports.map(({ bundleName: name, certificate }) => ({ name, generated: certificate !== undefined }));
  await bundleStatus.write(kubernetes, cluster, bundles, (metadata) => metadata.uid === cluster.uid);
}

/** One without an owner, as certman-operator may have left it, by its name only: any other may be a standalone one. */
function isRequestOf(request: ObjectMeta, cluster: ClusterIdentity, bundleName: string): boolean {
  const { kind } = requestOwnershipOf(request, cluster);
  return kind === 'owned' || (kind === 'orphaned' && request.name === requestName(cluster.name, bundleName));
}
