/** The exact set of names of a certificate, as the CA's duplicate limit counts it. Pure. */
import { digestOf } from '../clusters/digest.ts';

/** The same short text for the same set of names, whatever their order or case. */
export function nameSetDigest(names: readonly string[]): string {
  return digestOf([...new Set(names.map((name) => name.toLowerCase()))].sort().join(' '));
}
