import type { KubernetesApi, ObjectKey, ResourceType } from '../api/kubernetes-api.ts';
import { retryOnConflict } from '../api/retry-on-conflict.ts';

const MAX_ATTEMPTS = 4;

/**
 * Sets an annotation. @param value undefined: removes it.
 * @returns whether the object was changed; undefined when it is gone. @throws CertmanError `kubernetes/…`
 */
export async function annotate(
  kubernetes: KubernetesApi,
  resource: ResourceType,
  key: ObjectKey,
  annotation: string,
  value: string | undefined,
): Promise<boolean | undefined> {
  // A JSON pointer (RFC 6901).
  const path = `/metadata/annotations/${annotation.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  return await retryOnConflict(MAX_ATTEMPTS, async () => {
    const object = await kubernetes.get(resource, key);
    if (object === undefined) return undefined;
    const { annotations, resourceVersion } = object.metadata;
    if (annotations?.[annotation] === value) return false;
    const isUnchanged = { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion } as const;
    const annotated =
      annotations === undefined ? [{ op: 'add', path: '/metadata/annotations', value: {} } as const] : [];
    const change = value === undefined ? ({ op: 'remove', path } as const) : ({ op: 'add', path, value } as const);
    const changed = await kubernetes.patch(resource, key, [isUnchanged, ...annotated, change]);
    return changed === undefined ? undefined : true;
  });
}
