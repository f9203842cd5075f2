import type { KubernetesApi, ObjectKey, ResourceType } from '../api/kubernetes-api.ts';
import { annotate } from './annotate.ts';

/** Hive's own pause, which certman honours too. */
export const PAUSE_ANNOTATION = 'hive.openshift.io/reconcile-pause';

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
  return await annotate(kubernetes, resource, key, PAUSE_ANNOTATION, paused ? 'true' : undefined);
}
