/** Names that the API server takes for an object (RFC 1123 subdomain). Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ */

export const MAX_OBJECT_NAME_LENGTH = 253;
const OBJECT_NAME_PATTERN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** Whether there can be an object of this name; any other text, put into a path, could lead somewhere else. */
export function isObjectName(text: string): boolean {
  return text.length <= MAX_OBJECT_NAME_LENGTH && OBJECT_NAME_PATTERN.test(text);
}

/** At most so much of a name that it is one again when something follows it after a `-` or a `.`. */
export function truncateName(name: string, most: number): string {
  return name.slice(0, most).replace(/[-.]+$/, '');
}
