/** Takes away what a bundle left on the API server: certificate Secret, staging Secret, CertificateRequest. */
import { requestName } from '../certificates/request-name.ts';
import type { ClusterIdentity } from '../clusters/cluster-view.ts';
import { ownershipOf } from './certificate-request.ts';
import { releaseFinalizer } from './finalizers.ts';
import {
  CERTIFICATE_REQUESTS,
  type KubernetesApi,
  type KubernetesObject,
  type ObjectMeta,
  SECRETS,
} from './kubernetes-api.ts';
import { REQUEST_LABEL } from './secret-tie.ts';
import { STAGING_LABEL, stagingSecretName } from './secrets.ts';

/**
 * Deletes only what is this cluster's. The finalizer goes last: as long as it is on, what is left can be found again.
 * Owner references are not relied on: without a garbage collector everything is gone as well.
 * @returns what was removed, in words; what was gone before is not among it.
 */
export async function removeBundleObjects(
  kubernetes: KubernetesApi,
  input: { readonly cluster: ClusterIdentity; readonly bundleName: string; readonly secretName: string },
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const { namespace } = input.cluster;
  const name = requestName(input.cluster.name, input.bundleName);
  const removed: string[] = [];
  const request = await kubernetes.get(CERTIFICATE_REQUESTS, { namespace, name }, signal);
  // Another ClusterDeployment has the request of this name now (a cluster made again): Secret and staging are its own too.
  if (request !== undefined && ownershipOf(request.metadata, input.cluster).kind === 'other') return removed;

  const deleteIf = async (secretName: string, isOurs: (metadata: ObjectMeta) => boolean): Promise<void> => {
    if (secretName === '') return;
    const secret = await kubernetes.get(SECRETS, { namespace, name: secretName }, signal);
    if (secret === undefined || !isOurs(secret.metadata)) return;
    if (await deleteExactly(kubernetes, secret, signal)) removed.push(`Secret ${namespace}/${secretName}`);
  };
  await deleteIf(
    input.secretName,
    (secret) => secret.labels?.[REQUEST_LABEL] === name || isOwnedBy(secret, request?.metadata.uid),
  );
  await deleteIf(stagingSecretName(name), (secret) => secret.labels?.[STAGING_LABEL] === 'true');

  if (request !== undefined) {
    const { uid } = request.metadata;
    const options = { ...(uid === undefined ? {} : { uid }), ...(signal === undefined ? {} : { signal }) };
    const deleted = await kubernetes.delete(CERTIFICATE_REQUESTS, { namespace, name }, options);
    await releaseFinalizer(kubernetes, CERTIFICATE_REQUESTS, request, signal);
    if (deleted) removed.push(`CertificateRequest ${namespace}/${name}`);
  }
  return removed;
}

function isOwnedBy(secret: ObjectMeta, requestUid: string | undefined): boolean {
  return requestUid !== undefined && (secret.ownerReferences ?? []).some((owner) => owner['uid'] === requestUid);
}

async function deleteExactly(
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
