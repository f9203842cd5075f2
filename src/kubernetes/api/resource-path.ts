/** How objects are addressed. Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris */
import type { ObjectKey, ResourceType } from './kubernetes-api.ts';

/** Limit of an RFC 1123 subdomain. Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ */
export const MAX_OBJECT_NAME_LENGTH = 253;
const OBJECT_NAME_PATTERN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** `v1` or `group/version`. */
export function apiVersionOf({ group, version }: ResourceType): string {
  return group === '' ? version : `${group}/${version}`;
}

/** Path of all objects of a kind, in one namespace or in all. */
export function collectionPath(resource: ResourceType, namespace?: string): string {
  const root = `${resource.group === '' ? '/api' : '/apis'}/${apiVersionOf(resource)}`;
  const scope = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${root}${scope}/${resource.plural}`;
}

/** Path of one object, or of its subresource. */
export function objectPath(resource: ResourceType, key: ObjectKey, subresource?: 'status'): string {
  const path = `${collectionPath(resource, key.namespace)}/${encodeURIComponent(key.name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

/** The object, or its subresource, in words, for messages. */
export function describeObject({ kind }: ResourceType, { namespace, name }: ObjectKey, subresource?: 'status'): string {
  const object = `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
  return subresource === undefined ? object : `the ${subresource} of ${object}`;
}

/** Whether the API server accepts a name (RFC 1123 subdomain). Any other could lead a path elsewhere. */
export function isObjectName(text: string): boolean {
  return text.length <= MAX_OBJECT_NAME_LENGTH && OBJECT_NAME_PATTERN.test(text);
}

/** The beginning of a name, so cut that it is valid before a `-` or a `.`. */
export function truncateName(name: string, maxLength: number): string {
  return name.slice(0, maxLength).replace(/[-.]+$/, '');
}
