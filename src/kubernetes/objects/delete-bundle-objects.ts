import type { ClusterIdentity } from '../../clusters/cluster-identity.ts';
import { requestName } from '../../clusters/request-name.ts';
import type { RemoveBundleInput } from '../../contract/activities.ts';
import { removeFinalizer } from '../api/finalizers.ts';
import type { KubernetesApi, ObjectMeta } from '../api/kubernetes-api.ts';
import { requestOwnershipOf } from './certificate-request.ts';
import { isStandalone } from './primary-object.ts';
import { CERTIFICATE_REQUESTS, FINALIZER, SECRETS } from './resources.ts';
import { REQUEST_LABEL } from './secret-ownership.ts';
import { STAGING_LABEL, stagingSecretName } from './staging-secret.ts';

/**
 * Deletes a bundle's own Secrets and CertificateRequest (but no standalone one), even without a garbage collector.
 * The finalizer goes last: while the request has it, the rest can be found again.
 * @returns what was deleted now, in words.
 */
export async function deleteBundleObjects(
  kubernetes: KubernetesApi,
  { cluster, bundleName, secretName, requestName: givenName }: RemoveBundleInput,
): Promise<readonly string[]> {
  const { namespace } = cluster;
  const standalone = isStandalone(cluster);
  const defaultName = standalone ? cluster.name : requestName(cluster.name, bundleName);
  const name = givenName ?? defaultName;
  const deleted: string[] = [];
  const request = await kubernetes.get(CERTIFICATE_REQUESTS, { namespace, name });
  if (request !== undefined && isRetained(request.metadata, cluster, name === defaultName)) return deleted;

  const deleteSecret = async (secret: string, isOwn: (metadata: ObjectMeta) => boolean): Promise<void> => {
    if (secret === '') return;
    const found = await kubernetes.get(SECRETS, { namespace, name: secret });
    if (found === undefined || !isOwn(found.metadata)) return;
    const { uid } = found.metadata;
    if (await kubernetes.delete(SECRETS, found.metadata, { uid })) deleted.push(`Secret ${namespace}/${secret}`);
  };
  await deleteSecret(
    secretName,
    (secret) => secret.labels?.[REQUEST_LABEL] === name || isOwnedBy(secret, name, request?.metadata.uid),
  );
  await deleteSecret(stagingSecretName(name), (secret) => secret.labels?.[STAGING_LABEL] === 'true');

  if (request !== undefined && !standalone) {
    const { uid } = request.metadata;
    const isDeleted = await kubernetes.delete(CERTIFICATE_REQUESTS, { namespace, name }, { uid });
    await removeFinalizer(kubernetes, CERTIFICATE_REQUESTS, request, FINALIZER);
    if (isDeleted) deleted.push(`CertificateRequest ${namespace}/${name}`);
  }
  return deleted;
}

/**
 * Whether the request outlives the cluster: it is another ClusterDeployment's (a re-created cluster's), or standalone
 * and re-created or not being deleted. Without its default name, only an owner reference makes it the cluster's.
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
