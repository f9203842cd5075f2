import type { KubernetesApi, KubernetesObject, ObjectMeta, ResourceType, WriteOptions } from './kubernetes-api.ts';

/**
 * Sets fields of an object, by JSON pointer, if it is still as it was read. @returns undefined when it is gone.
 * @throws CertmanError `kubernetes/conflict` when it has changed.
 */
export function patchIfUnchanged(
  kubernetes: KubernetesApi,
  resource: ResourceType,
  read: ObjectMeta,
  fields: Readonly<Record<string, unknown>>,
  options?: WriteOptions,
): Promise<KubernetesObject | undefined> {
  const isUnchanged = { op: 'test', path: '/metadata/resourceVersion', value: read.resourceVersion } as const;
  const changes = Object.entries(fields).map(([path, value]) => ({ op: 'add', path, value }) as const);
  return kubernetes.patch(resource, read, [isUnchanged, ...changes], options);
}
