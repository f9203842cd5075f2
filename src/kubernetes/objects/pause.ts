import type { KubernetesApi, ObjectKey, ResourceType } from '../api/kubernetes-api.ts';
import { retryOnConflict } from '../api/retry-on-conflict.ts';

/** Hive's own pause, which certman honours too. */
export const PAUSE_ANNOTATION = 'hive.openshift.io/reconcile-pause';

/** The annotation in a JSON pointer (RFC 6901). */
const POINTER = `/metadata/annotations/${PAUSE_ANNOTATION.replaceAll('/', '~1')}`;
const MAX_ATTEMPTS = 4;

/**
 * Sets or removes the annotation. @returns whether the object was changed; undefined when it is gone.
 * @throws CertmanError `kubernetes/…`
 */
export async function setPaused(
  kubernetes: KubernetesApi,
  resource: ResourceType,
  key: ObjectKey,
  paused: boolean,
): Promise<boolean | undefined> {
  return await retryOnConflict(MAX_ATTEMPTS, async () => {
    const object = await kubernetes.get(resource, key);
    if (object === undefined) return undefined;
    const { annotations, resourceVersion } = object.metadata;
    const value = annotations?.[PAUSE_ANNOTATION];
    if (paused ? value === 'true' : value === undefined) return false;
    const isUnchanged = { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion } as const;
    const annotated =
      annotations === undefined ? [{ op: 'add', path: '/metadata/annotations', value: {} } as const] : [];
    const change = paused
      ? ({ op: 'add', path: POINTER, value: 'true' } as const)
      : ({ op: 'remove', path: POINTER } as const);
    const changed = await kubernetes.patch(resource, key, [isUnchanged, ...annotated, change]);
    return changed === undefined ? undefined : true;
  });
}
