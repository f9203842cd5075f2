import type { ClusterRef } from '../clusters/cluster-identity.ts';
import type { ObjectMeta } from '../kubernetes/api/kubernetes-api.ts';

/** Name of a namespaced object. */
export type NamespacedName = Pick<ClusterRef, 'namespace' | 'name'>;

/** @returns `namespace/name`. */
export function keyOf({ namespace, name }: NamespacedName): string {
  // Not a template: its parts would be kept beside the key for as long as a cache has it.
  return [namespace, name].join('/');
}

/** @returns the name of an object; namespace `''` when it is cluster-scoped. */
export function nameOf({ metadata }: { readonly metadata: ObjectMeta }): NamespacedName {
  return { namespace: metadata.namespace ?? '', name: metadata.name };
}
