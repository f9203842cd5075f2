/** DER (X.690), as much of it as a CSR needs. */

/** One TLV. */
export function tlv(tag: number, ...contents: readonly Buffer[]): Buffer {
  const value = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag]), encodeLength(value), value]);
}

function encodeLength(value: Buffer): Buffer {
  if (value.length < 0x80) return Buffer.from([value.length]);
  const bytes: number[] = [];
  for (let rest = value.length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return Buffer.from([0x80 + bytes.length, ...bytes]);
}

export const sequence = (...contents: readonly Buffer[]): Buffer => tlv(0x30, ...contents);
export const setOf = (...contents: readonly Buffer[]): Buffer => tlv(0x31, ...contents);
export const octetString = (...contents: readonly Buffer[]): Buffer => tlv(0x04, ...contents);
export const utf8String = (text: string): Buffer => tlv(0x0c, Buffer.from(text, 'utf8'));
/** Whole bytes only: no unused bits. */
export const bitString = (bits: Buffer): Buffer => tlv(0x03, Buffer.from([0]), bits);
export const nullValue = (): Buffer => tlv(0x05);

/** `1.2.840.113549.1.9.14` and the like. */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...arcs] = dotted.split('.').map(Number);
  return tlv(0x06, Buffer.from([first * 40 + second, ...arcs.flatMap(encodeBase128)]));
}

function encodeBase128(arc: number): number[] {
  const digits = [arc % 128];
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) digits.unshift(0x80 + (rest % 128));
  return digits;
}
