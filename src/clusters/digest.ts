/**
 * Whether two views say the same. Pure and without Node built-ins, so that workflows and the watch agree on it.
 */
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
 * 64 bits over a text as 16 hex digits: two multiplicative lanes with different odd constants, each finished with a
 * xor-shift-multiply so that every bit counts. Tells change from no change; it is no protection against an attacker.
 */
export function digestOf(text: string): string {
  let left = 0x9e3779b9;
  let right = 0x7f4a7c15;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    left = Math.imul((left << 5) ^ (left >>> 27) ^ unit, 0x2c1b3c6d);
    right = Math.imul((right << 7) ^ (right >>> 25) ^ unit, 0x297a2d39);
  }
  return mixBits(left ^ text.length) + mixBits(right + text.length);
}

function mixBits(lane: number): string {
  let bits = lane ^ (lane >>> 16);
  bits = Math.imul(bits, 0x21f0aaad);
  bits ^= bits >>> 15;
  bits = Math.imul(bits, 0x735a2d97);
  bits ^= bits >>> 15;
  return (bits >>> 0).toString(16).padStart(8, '0');
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
