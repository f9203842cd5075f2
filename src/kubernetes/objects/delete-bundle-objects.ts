/** Takes away what a bundle left on the API server: certificate Secret, staging Secret, CertificateRequest. */

import { type ClusterIdentity, requestName } from '../../clusters/cluster-view.ts';
import type { RemoveBundleInput } from '../../contract/activities.ts';
import { removeFinalizer } from '../api/finalizers.ts';
import { type KubernetesApi, type KubernetesObject, type ObjectMeta } from '../api/kubernetes-api.ts';
import { requestOwnershipOf } from './certificate-request.ts';
import { isStandalone } from './primary-resource.ts';
import { CERTIFICATE_REQUESTS, SECRETS } from './resources.ts';
import { REQUEST_LABEL } from './secret-ownership.ts';
import { STAGING_LABEL, stagingSecretName } from './secrets.ts';

/**
 * Deletes only what is this cluster's. The finalizer goes last: as long as it is on, what is left can be found again.
 * Owner references are not relied on: without a garbage collector everything is gone as well.
 * @returns what was removed, in words; what was gone before is not among it.
 */
export async function deleteBundleObjects(
  kubernetes: KubernetesApi,
  input: RemoveBundleInput,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const { namespace } = input.cluster;
  const alone = isStandalone(input.cluster);
  const usualName = alone ? input.cluster.name : requestName(input.cluster.name, input.bundleName);
  const name = input.requestName ?? usualName;
  const removed: string[] = [];
  const request = await kubernetes.get(CERTIFICATE_REQUESTS, { namespace, name }, signal);
  if (request !== undefined && isRetained(request.metadata, input.cluster, name === usualName)) return removed;

  const deleteIf = async (secretName: string, isOurs: (metadata: ObjectMeta) => boolean): Promise<void> => {
    if (secretName === '') return;
    const secret = await kubernetes.get(SECRETS, { namespace, name: secretName }, signal);
    if (secret === undefined || !isOurs(secret.metadata)) return;
    if (await deleteByUid(kubernetes, secret, signal)) removed.push(`Secret ${namespace}/${secretName}`);
  };
  await deleteIf(
    input.secretName,
    (secret) => secret.labels?.[REQUEST_LABEL] === name || isOwnedBy(secret, name, request?.metadata.uid),
  );
  await deleteIf(stagingSecretName(name), (secret) => secret.labels?.[STAGING_LABEL] === 'true');

  // One that stands alone is its user's to delete, and goes with its finalizer, which is released when all is done.
  if (request !== undefined && !alone) {
    const { uid } = request.metadata;
    const options = { ...(uid === undefined ? {} : { uid }), ...(signal === undefined ? {} : { signal }) };
    const deleted = await kubernetes.delete(CERTIFICATE_REQUESTS, { namespace, name }, options);
    await removeFinalizer(kubernetes, CERTIFICATE_REQUESTS, request, signal);
    if (deleted) removed.push(`CertificateRequest ${namespace}/${name}`);
  }
  return removed;
}

/**
 * Whether the request is not the one whose end has come, so that its Secrets are its own too: another ClusterDeployment has
 * one of this name now (a cluster made again), or it stands alone and was made again, or lives.
 * @param named whether it is called after the cluster and its bundle; if not, only its owner reference makes it the cluster's.
 */
function isRetained(request: ObjectMeta, cluster: ClusterIdentity, named: boolean): boolean {
  if (!isStandalone(cluster)) {
    const { kind } = requestOwnershipOf(request, cluster);
    return kind === 'other' || (kind === 'nobody' && !named);
  }
  return request.uid !== cluster.uid || request.deletionTimestamp === undefined;
}

/** Of a request that is gone, the name has to do. */
function isOwnedBy(secret: ObjectMeta, request: string, uid: string | undefined): boolean {
  return (secret.ownerReferences ?? []).some((owner) =>
    uid === undefined ? owner['kind'] === CERTIFICATE_REQUESTS.kind && owner['name'] === request : owner['uid'] === uid,
  );
}

async function deleteByUid(
  kubernetes: KubernetesApi,
  secret: KubernetesObject,
  signal?: AbortSignal,
): Promise<boolean> {
  const { namespace, name, uid } = secret.metadata;
  return kubernetes.delete(
    SECRETS,
    { name, ...(namespace === undefined ? {} : { namespace }) },
    { ...(uid === undefined ? {} : { uid }), ...(signal === undefined ? {} : { signal }) },
  );
}
