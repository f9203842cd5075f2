/** What Hive says of bringing objects to a cluster (ClusterSync of hiveinternal.openshift.io/v1alpha1). */
import { z } from 'zod';
import { isFailure } from '../../failures/failure.ts';
import { oneLine } from '../../failures/printable.ts';
import { getIfKnown } from '../api/discovery.ts';
import type { KubernetesApi, ObjectKey } from '../api/kubernetes-api.ts';
import { CLUSTER_SYNCS } from './resources.ts';

const MAX_TEXT_LENGTH = 300;
const MAX_SYNC_SETS = 1_000;
/** Hive's SyncSets with the certificates of the control plane and of the routers, by suffix of their names. */
const CERTIFICATE_SYNC_SETS = ['-cp-certs', '-clusteringress'];

const text = z.string().max(65_536).catch('');
const syncStatusSchema = z.object({
  name: text,
  result: text,
  failureMessage: text,
  lastTransitionTime: text,
});
const listOf = <Item extends z.ZodType>(item: Item) =>
  z
    .array(item)
    .nullish()
    .catch([])
    .transform((items) => (items ?? []).slice(0, MAX_SYNC_SETS));
const statusSchema = z
  .object({
    syncSets: listOf(syncStatusSchema),
    conditions: listOf(z.object({ type: text, status: text, message: text })),
  })
  .catch({ syncSets: [], conditions: [] });

/**
 * Why Hive has probably not brought a certificate to the cluster, and what to do, in sentences.
 * @param installedTime of the certificate (RFC 3339). @throws CertmanError `kubernetes/…`, but not `kubernetes/forbidden`.
 */
export async function likelySyncProblem(
  kubernetes: Pick<KubernetesApi, 'get'>,
  cluster: ObjectKey,
  installedTime: string | undefined,
): Promise<string> {
  const where = `kubectl get clustersync ${cluster.name} -n ${cluster.namespace} -o yaml`;
  try {
    const found = await getIfKnown(kubernetes, CLUSTER_SYNCS, cluster);
    if (found === undefined) {
      return `Hive has no ClusterSync ${cluster.name}: it applies nothing to the cluster. See whether hive-clustersync runs, and whether the annotation hive.openshift.io/syncset-pause is set.`;
    }
    return `${causeIn(statusSchema.parse(found['status'] ?? {}), installedTime)} See: ${where}`;
  } catch (error) {
    if (!isFailure(error, 'kubernetes/forbidden')) throw error;
    return `certman may not read ClusterSyncs (deploy/base/rbac.yaml). See what Hive says: ${where}`;
  }
}

function causeIn({ syncSets, conditions }: z.infer<typeof statusSchema>, installedTime: string | undefined): string {
  const certificates = syncSets.filter(({ name }) => CERTIFICATE_SYNC_SETS.some((suffix) => name.endsWith(suffix)));
  const failing = certificates.find(({ result }) => result === 'Failure');
  if (failing !== undefined) {
    return `Hive cannot apply its SyncSet ${named(failing.name)}: ${oneLine(failing.failureMessage, MAX_TEXT_LENGTH)}.`;
  }
  const failed = conditions.find(({ type, status }) => type === 'Failed' && status === 'True');
  if (certificates.length === 0) {
    const why = failed === undefined ? '' : ` Its condition Failed says: ${oneLine(failed.message, MAX_TEXT_LENGTH)}.`;
    return `Hive has no SyncSet with the certificate (…${CERTIFICATE_SYNC_SETS.join(', …')}).${why}`;
  }
  const [first] = certificates.toSorted((one, other) => (one.lastTransitionTime < other.lastTransitionTime ? -1 : 1));
  const at = first?.lastTransitionTime ?? '';
  if (installedTime !== undefined && Date.parse(at) < Date.parse(installedTime)) {
    return `Hive has not applied its SyncSet ${named(first?.name ?? '')} since ${oneLine(at, 64)}, before the certificate was installed. To have it applied now, delete the ClusterSync, which Hive creates again.`;
  }
  return 'Hive has applied the certificate; the cluster has not rolled it out. See the operators of the cluster: oc get clusteroperators kube-apiserver ingress';
}

function named(name: string): string {
  return oneLine(name, 253);
}
