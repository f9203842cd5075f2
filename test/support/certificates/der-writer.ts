/** Encodes DER (X.690), as far as certificates and CRLs need it. */

/** One tag-length-value. */
export function tlv(tag: number, ...contents: readonly Buffer[]): Buffer {
  const value = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag, ...encodeLength(value.length)]), value]);
}

function encodeLength(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes = digitsOf(length, 256);
  return [0x80 + bytes.length, ...bytes];
}

/** SEQUENCE (X.690 §8.9). */
export const sequence = (...contents: readonly Buffer[]): Buffer => tlv(0x30, ...contents);
/** SET OF (X.690 §8.12). The elements are written in the order given. */
export const setOf = (...contents: readonly Buffer[]): Buffer => tlv(0x31, ...contents);
/** OCTET STRING (X.690 §8.7). */
export const octetString = (...contents: readonly Buffer[]): Buffer => tlv(0x04, ...contents);
/** UTF8String (X.690 §8.23). */
export const utf8String = (text: string): Buffer => tlv(0x0c, Buffer.from(text, 'utf8'));
/** Without unused bits. */
export const bitString = (bits: Buffer): Buffer => tlv(0x03, Buffer.from([0]), bits);

/** An object identifier from its dotted form. */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...arcs] = dotted.split('.').map(Number);
  const encoded = arcs.flatMap((arc) =>
    digitsOf(arc, 128).map((digit, at, digits) => (at === digits.length - 1 ? digit : digit | 0x80)),
  );
  return tlv(0x06, Buffer.from([first * 40 + second, ...encoded]));
}

/** Most significant first. */
function digitsOf(value: number, base: number): number[] {
  return value < base ? [value] : [...digitsOf(Math.floor(value / base), base), value % base];
}
