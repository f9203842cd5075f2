/** Paths of the Kubernetes API. Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris */
import type { ObjectKey, ResourceType } from './kubernetes-api.ts';

/** Path of all objects of a kind, in one namespace or in all. */
export function collectionPath(resource: ResourceType, namespace?: string): string {
  const root = resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  const scope = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${root}${scope}/${resource.plural}`;
}

/** Path of one object. */
export function objectPath(resource: ResourceType, key: ObjectKey): string {
  return `${collectionPath(resource, key.namespace)}/${encodeURIComponent(key.name)}`;
}

/** The object in words, for messages. */
export function describeObject(resource: ResourceType, key: ObjectKey): string {
  return `${resource.kind} ${key.namespace === undefined ? '' : `${key.namespace}/`}${key.name}`;
}
