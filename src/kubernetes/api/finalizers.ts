/** Removes a finalizer by a JSON patch that tests what it expects, so that no finalizer of another is hit. */
import type { KubernetesApi, KubernetesObject, ResourceType } from './kubernetes-api.ts';
import { retryOnConflict } from './retry-on-conflict.ts';

const MAX_ATTEMPTS = 5;

/**
 * @param found the object as last read; it is read again when it has changed since.
 * @returns whether the finalizer was removed now; false too when the object is gone or was re-created.
 */
export async function removeFinalizer(
  kubernetes: KubernetesApi,
  resource: ResourceType,
  found: KubernetesObject,
  finalizer: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const { namespace, name, uid } = found.metadata;
  let object: KubernetesObject | undefined = found;
  return await retryOnConflict(MAX_ATTEMPTS, async () => {
    object ??= await kubernetes.get(resource, { namespace, name }, signal);
    const index = object?.metadata.uid === uid ? (object?.metadata.finalizers?.indexOf(finalizer) ?? -1) : -1;
    object = undefined;
    if (index < 0) return false;
    const path = `/metadata/finalizers/${index}`;
    const operations = [
      { op: 'test', path: '/metadata/uid', value: uid },
      { op: 'test', path, value: finalizer },
      { op: 'remove', path },
    ] as const;
    return (await kubernetes.patch(resource, { namespace, name }, operations, { signal })) !== undefined;
  });
}
