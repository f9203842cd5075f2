/** An object's or a list's `resourceVersion` as a number; undefined when it is no integer. */
function parseResourceVersion(text: string | undefined): bigint | undefined {
  return text !== undefined && /^[1-9]\d*$/.test(text) ? BigInt(text) : undefined;
}

/**
 * Whether a resourceVersion is older than another one; false when one of them is no integer.
 * Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
 */
export function isOlderResourceVersion(text: string | undefined, than: string | undefined): boolean {
  const [left, right] = [parseResourceVersion(text), parseResourceVersion(than)];
  return left !== undefined && right !== undefined && left < right;
}

/** Whether a resourceVersion is that of another one or a later one; false when one of them is no integer. */
export function hasReachedResourceVersion(text: string | undefined, reached: string | undefined): boolean {
  const [left, right] = [parseResourceVersion(text), parseResourceVersion(reached)];
  return left !== undefined && right !== undefined && left >= right;
}
