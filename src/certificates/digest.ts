/** Digests of text and JSON, without Node built-ins, so that workflows and activities compute the same ones. Pure. */

/** JSON with sorted keys and without `undefined` fields: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  // Without intermediate lists: the controller and every workflow task compute digests.
  if (Array.isArray(value)) {
    let text = '[';
    for (const item of value) text += `${text.length === 1 ? '' : ','}${canonicalJson(item ?? null)}`;
    return `${text}]`;
  }
  if (typeof value === 'object' && value !== null) {
    const fields = value as Readonly<Record<string, unknown>>;
    let text = '{';
    for (const key of Object.keys(fields).sort()) {
      const field = fields[key];
      if (field !== undefined) text += `${text.length === 1 ? '' : ','}${JSON.stringify(key)}:${canonicalJson(field)}`;
    }
    return `${text}}`;
  }
  return JSON.stringify(value) ?? 'null';
}

/** 64-bit digest as 16 hexadecimal digits. Detects changes; not collision resistant against an attacker. */
export function digestOf(text: string): string {
  let left = 0x9e3779b9;
  let right = 0x7f4a7c15;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    left = Math.imul((left << 5) ^ (left >>> 27) ^ unit, 0x2c1b3c6d);
    right = Math.imul((right << 7) ^ (right >>> 25) ^ unit, 0x297a2d39);
  }
  // Joined, not concatenated: V8 would keep the two halves beside the digest, of which the controller's cache has many.
  return [mixBits(left ^ text.length), mixBits(right + text.length)].join('');
}

function mixBits(lane: number): string {
  let bits = lane ^ (lane >>> 16);
  bits = Math.imul(bits, 0x21f0aaad);
  bits ^= bits >>> 15;
  bits = Math.imul(bits, 0x735a2d97);
  bits ^= bits >>> 15;
  return (bits >>> 0).toString(16).padStart(8, '0');
}

/** 32 bits of {@link digestOf} as an integer, which V8 keeps in the field itself: to notice a change of one of many objects. */
export function changeDigestOf(text: string): number {
  return Number.parseInt(digestOf(text).slice(0, 8), 16) | 0;
}

/** A fixed number in [0, 1) for a text, evenly distributed: jitter without a random source. */
export function stableFraction(text: string): number {
  return Number.parseInt(digestOf(text).slice(0, 8), 16) / 2 ** 32;
}

/** Digest of a set of names, whatever their order, case and repetition: the key of the CA's limit per exact set. */
export function nameSetDigest(names: readonly string[]): string {
  return digestOf([...new Set(names.map((name) => name.toLowerCase()))].sort().join(' '));
}
