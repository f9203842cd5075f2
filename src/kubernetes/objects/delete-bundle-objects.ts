import type { RemoveBundleInput } from '../../contract/activities/kubernetes.ts';
import { removeFinalizer } from '../api/finalizers.ts';
import type { KubernetesApi, ObjectMeta } from '../api/kubernetes-api.ts';
import { retryOnConflict } from '../api/retry-on-conflict.ts';
import type { ViewSettings } from './asked-for.ts';
import { readBundleOwner } from './bundle-owner.ts';
import { isStandalone } from './primary-object.ts';
import { CERTIFICATE_REQUESTS, FINALIZER, SECRETS } from './resources.ts';
import { ownerOf, STAGING_LABEL } from './secret-ownership.ts';
import { stagingSecretName } from './staging-secret.ts';

const MAX_ATTEMPTS = 5;

/**
 * Deletes a bundle's own Secrets and CertificateRequest (but no standalone one), even without a garbage collector.
 * The finalizer goes last: while the request has it, the rest can be found again.
 * @returns what was deleted now, in words. @throws CertmanError `kubernetes/notAskedFor` as {@link readBundleOwner}.
 */
export async function deleteBundleObjects(
  kubernetes: KubernetesApi,
  projection: ViewSettings,
  bundle: RemoveBundleInput,
): Promise<readonly string[]> {
  const deleted: string[] = [];
  // What is adopted, or claimed, between the read and the deletion is no longer the bundle's: it is read again.
  await retryOnConflict(MAX_ATTEMPTS, () => deleteOwnObjects(kubernetes, projection, bundle, deleted));
  return deleted;
}

async function deleteOwnObjects(
  kubernetes: KubernetesApi,
  projection: ViewSettings,
  bundle: RemoveBundleInput,
  deleted: string[],
): Promise<void> {
  const { cluster, secretName } = bundle;
  const { namespace } = cluster;
  const standalone = isStandalone(cluster);
  const { requestName: name, request, succeeded, ownsSecret } = await readBundleOwner(kubernetes, projection, bundle);
  // A standalone request that is not being deleted outlives its workflow.
  const isKept = standalone && request !== undefined && request.metadata.deletionTimestamp === undefined;
  if (succeeded || isKept) return;

  const deleteSecret = async (secret: string, isOwn: (metadata: ObjectMeta) => boolean): Promise<void> => {
    if (secret === '') return;
    const found = await kubernetes.get(SECRETS, { namespace, name: secret });
    if (found === undefined || !isOwn(found.metadata)) return;
    const { uid, resourceVersion } = found.metadata;
    const isDeleted = await kubernetes.delete(SECRETS, found.metadata, { uid, resourceVersion });
    if (isDeleted) deleted.push(`Secret ${namespace}/${secret}`);
  };
  await deleteSecret(secretName, ownsSecret);
  await deleteSecret(stagingSecretName(name), (secret) => {
    // Only certman labels a Secret so; without an owner, a key that was kept for a request that was to be created anew.
    return secret.labels?.[STAGING_LABEL] === 'true' && (ownsSecret(secret) || ownerOf(secret) === undefined);
  });

  if (request === undefined || standalone) return;
  const { uid, resourceVersion } = request.metadata;
  const isDeleted = await kubernetes.delete(CERTIFICATE_REQUESTS, { namespace, name }, { uid, resourceVersion });
  if (isDeleted) deleted.push(`CertificateRequest ${namespace}/${name}`);
  await removeFinalizer(kubernetes, CERTIFICATE_REQUESTS, request, FINALIZER);
}
