/** Deletes the objects of a bundle: certificate Secret, staging Secret, CertificateRequest. */
import { type ClusterIdentity, requestName } from '../../clusters/cluster-view.ts';
import type { RemoveBundleInput } from '../../contract/activities.ts';
import { removeFinalizer } from '../api/finalizers.ts';
import type { KubernetesApi, ObjectMeta } from '../api/kubernetes-api.ts';
import { requestOwnershipOf } from './certificate-request.ts';
import { isStandalone } from './primary-object.ts';
import { CERTIFICATE_REQUESTS, FINALIZER, SECRETS } from './resources.ts';
import { REQUEST_LABEL } from './secret-ownership.ts';
import { STAGING_LABEL, stagingSecretName } from './staging-secret.ts';

/**
 * Deletes only what is this cluster's. The finalizer goes last: while the request has it, the rest can be found again. Does not
 * rely on owner references, so that it works without a garbage collector. A standalone request is its user's to delete.
 * @returns what was deleted, in words; not what was gone before.
 */
export async function deleteBundleObjects(
  kubernetes: KubernetesApi,
  { cluster, bundleName, secretName, requestName: givenName }: RemoveBundleInput,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const { namespace } = cluster;
  const standalone = isStandalone(cluster);
  const defaultName = standalone ? cluster.name : requestName(cluster.name, bundleName);
  const name = givenName ?? defaultName;
  const deleted: string[] = [];
  const request = await kubernetes.get(CERTIFICATE_REQUESTS, { namespace, name }, signal);
  if (request !== undefined && isRetained(request.metadata, cluster, name === defaultName)) return deleted;

  const deleteSecret = async (secret: string, isOwn: (metadata: ObjectMeta) => boolean): Promise<void> => {
    if (secret === '') return;
    const found = await kubernetes.get(SECRETS, { namespace, name: secret }, signal);
    if (found === undefined || !isOwn(found.metadata)) return;
    const { uid } = found.metadata;
    if (await kubernetes.delete(SECRETS, found.metadata, { uid, signal }))
      deleted.push(`Secret ${namespace}/${secret}`);
  };
  await deleteSecret(
    secretName,
    (secret) => secret.labels?.[REQUEST_LABEL] === name || isOwnedBy(secret, name, request?.metadata.uid),
  );
  await deleteSecret(stagingSecretName(name), (secret) => secret.labels?.[STAGING_LABEL] === 'true');

  if (request !== undefined && !standalone) {
    const { uid } = request.metadata;
    const isDeleted = await kubernetes.delete(CERTIFICATE_REQUESTS, { namespace, name }, { uid, signal });
    await removeFinalizer(kubernetes, CERTIFICATE_REQUESTS, request, FINALIZER, signal);
    if (isDeleted) deleted.push(`CertificateRequest ${namespace}/${name}`);
  }
  return deleted;
}

/**
 * Whether the request, with its Secrets, outlives the decommissioned cluster: it belongs to another ClusterDeployment (a
 * re-created cluster), or is standalone and was re-created or is not being deleted.
 * @param hasDefaultName whether it is named after the cluster and its bundle; if not, only its owner reference makes it the
 * cluster's.
 */
function isRetained(request: ObjectMeta, cluster: ClusterIdentity, hasDefaultName: boolean): boolean {
  if (isStandalone(cluster)) return request.uid !== cluster.uid || request.deletionTimestamp === undefined;
  const { kind } = requestOwnershipOf(request, cluster);
  return kind === 'foreign' || (kind === 'orphaned' && !hasDefaultName);
}

/** Without the request, whose uid is then unknown, its name decides. */
function isOwnedBy({ ownerReferences = [] }: ObjectMeta, request: string, requestUid: string | undefined): boolean {
  return ownerReferences.some((owner) =>
    requestUid === undefined
      ? owner['kind'] === CERTIFICATE_REQUESTS.kind && owner['name'] === request
      : owner['uid'] === requestUid,
  );
}
