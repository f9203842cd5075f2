/** Walks DER (X.690 §8.1): @peculiar/asn1-schema takes 0.1 s for a CRL of 1,000 entries and rejects one of 100,000. */

/** One value, as offsets of its tag (`start`) and `content`, and of what follows (`end`). */
export interface DerElement {
  readonly tag: number;
  readonly start: number;
  readonly content: number;
  readonly end: number;
}

/** The identifier octets (X.690 §8.1.2) that certificates and CRLs use. */
export const TAG = {
  integer: 0x02,
  bitString: 0x03,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  implicit0: 0x80,
  explicit0: 0xa0,
  explicit3: 0xa3,
} as const;

/** Enough for 4 GiB. */
const MAX_LENGTH_OCTETS = 4;

/** Reads the value at `start`. @throws when it is not DER or exceeds `end`. */
export function readElement(der: Buffer, start: number, end: number): DerElement {
  const tag = der[start];
  let length = der[start + 1];
  if (tag === undefined || length === undefined || start + 2 > end) throw new Error(`ends at octet ${start}`);
  let content = start + 2;
  if (length >= 0x80) {
    const octets = length & 0x7f;
    // Zero octets are BER's indefinite length.
    if (octets === 0 || octets > MAX_LENGTH_OCTETS) throw new Error(`has no length at octet ${start + 1}`);
    length = 0;
    for (let at = content; at < content + octets; at += 1) length = length * 256 + (der[at] ?? 0);
    content += octets;
  }
  if (content + length > end) throw new Error(`is truncated in the value at octet ${start}`);
  return { tag, start, content, end: content + length };
}

/** The values within a constructed value. @throws at the first malformed one. */
export function* childElements(der: Buffer, within: Pick<DerElement, 'content' | 'end'>): Generator<DerElement> {
  for (let at = within.content; at < within.end; ) {
    const element = readElement(der, at, within.end);
    yield element;
    at = element.end;
  }
}

/** The octets of a value including tag and length; not a copy. */
export function encodedOctets(der: Buffer, { start, end }: Pick<DerElement, 'start' | 'end'>): Buffer {
  return der.subarray(start, end);
}
