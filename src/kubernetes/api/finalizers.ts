import type { KubernetesApi, KubernetesObject, ResourceType } from './kubernetes-api.ts';
import { retryOnConflict } from './retry-on-conflict.ts';

const MAX_ATTEMPTS = 5;

/** Removes a finalizer; the patch tests it, so as to hit no other. @returns false when it or the object is gone. */
export async function removeFinalizer(
  kubernetes: KubernetesApi,
  resource: ResourceType,
  found: KubernetesObject,
  finalizer: string,
): Promise<boolean> {
  const { namespace, name, uid } = found.metadata;
  let object: KubernetesObject | undefined = found;
  return await retryOnConflict(MAX_ATTEMPTS, async () => {
    object ??= await kubernetes.get(resource, { namespace, name });
    const index = object?.metadata.uid === uid ? (object?.metadata.finalizers?.indexOf(finalizer) ?? -1) : -1;
    object = undefined;
    if (index < 0) return false;
    const path = `/metadata/finalizers/${index}`;
    const operations = [
      { op: 'test', path: '/metadata/uid', value: uid },
      { op: 'test', path, value: finalizer },
      { op: 'remove', path },
    ] as const;
    return (await kubernetes.patch(resource, { namespace, name }, operations)) !== undefined;
  });
}
