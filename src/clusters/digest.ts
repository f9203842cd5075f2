/**
 * Whether two views say the same. Pure and without Node built-ins, so that workflows and the watch agree on it.
 */
import { digestOf } from '../certificates/digest.ts';
import type { ClusterView } from './cluster-view.ts';

/** JSON with the keys of every object in order and absent (`undefined`) fields left out: equal values, equal text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field)}`);
    return `{${fields.join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}

/**
 * Digest of everything in a view that is somebody else's word. Our own finalizer is left out: putting it on or taking it
 * off is no news to the workflow that did it.
 */
export function clusterDigest(view: ClusterView): string {
  return digestOf(canonicalJson({ ...view, finalizer: undefined }));
}

/** Whether two views say the same, our own finalizer aside: the comparison itself, for who has both at hand. */
export function sameView(left: ClusterView, right: ClusterView): boolean {
  return canonicalJson({ ...left, finalizer: undefined }) === canonicalJson({ ...right, finalizer: undefined });
}
