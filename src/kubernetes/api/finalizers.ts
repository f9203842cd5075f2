/**
 * certman's finalizer: put on by server-side apply (one request, nothing to read before), taken off by a JSON patch that
 * says what it expects to find, so that nobody else's finalizer can be hit.
 */
import type { ClusterIdentity } from '../../clusters/cluster-view.ts';
import { CertmanError } from '../../failures/failure.ts';
import { CLUSTER_DEPLOYMENTS, FINALIZER } from '../objects/resources.ts';
import { type KubernetesApi, type KubernetesObject, type ObjectKey, type ResourceType } from './kubernetes-api.ts';

const MAX_ATTEMPTS = 5;

/**
 * Puts the finalizer on exactly this ClusterDeployment. @returns it as it is now.
 * @throws CertmanError `kubernetes/notFound` when it is gone, or another one has its name; `kubernetes/conflict` when it is being deleted.
 */
export async function addClusterDeploymentFinalizer(
  kubernetes: KubernetesApi,
  cluster: ClusterIdentity,
  signal?: AbortSignal,
): Promise<KubernetesObject> {
  const { namespace, name, uid } = cluster;
  try {
    return await kubernetes.apply(
      CLUSTER_DEPLOYMENTS,
      { metadata: { namespace, name, uid, finalizers: [FINALIZER] } },
      signal === undefined ? {} : { signal },
    );
  } catch (error) {
    if (!(error instanceof CertmanError)) throw error;
    const { code } = error;
    if (code === 'kubernetes/notFound' || code === 'kubernetes/conflict') {
      throw new CertmanError({
        code: 'kubernetes/notFound',
        message: `ClusterDeployment ${namespace}/${name} with uid ${uid} does not exist any more.`,
        remedy: 'Nothing is done for it until the watch tells what became of it.',
        cause: error,
      });
    }
    // "no new finalizers can be added if the object is being deleted": nothing about the object itself is wrong.
    if (code === 'kubernetes/invalid' && error.message.includes('being deleted')) {
      throw new CertmanError({
        code: 'kubernetes/conflict',
        message: `ClusterDeployment ${namespace}/${name} is being deleted, so no certificate is begun for it.`,
        remedy: 'The watch tells the workflow of the deletion.',
        cause: error,
      });
    }
    throw error;
  }
}

/**
 * Takes the finalizer off an object. @param found the object as last read; read again when it is not so any more.
 * @returns whether it was on. An object that is gone, or is another one of the same name, needs nothing.
 */
export async function removeFinalizer(
  kubernetes: KubernetesApi,
  resource: ResourceType,
  found: KubernetesObject | undefined,
  signal?: AbortSignal,
): Promise<boolean> {
  const uid = found?.metadata.uid;
  let object = found;
  for (let attempt = 1; ; attempt += 1) {
    if (object === undefined || object.metadata.uid !== uid) return false;
    const index = object.metadata.finalizers?.indexOf(FINALIZER) ?? -1;
    if (index < 0) return false;
    const key = keyOf(object);
    try {
      const path = `/metadata/finalizers/${index}`;
      const patched = await kubernetes.patch(
        resource,
        key,
        [
          { op: 'test', path: '/metadata/uid', value: uid },
          { op: 'test', path, value: FINALIZER },
          { op: 'remove', path },
        ],
        signal === undefined ? {} : { signal },
      );
      return patched !== undefined;
    } catch (error) {
      if (!(error instanceof CertmanError) || error.code !== 'kubernetes/conflict' || attempt >= MAX_ATTEMPTS)
        throw error;
    }
    object = await kubernetes.get(resource, key, signal);
  }
}

function keyOf(object: KubernetesObject): ObjectKey {
  const { namespace, name } = object.metadata;
  return namespace === undefined ? { name } : { namespace, name };
}
