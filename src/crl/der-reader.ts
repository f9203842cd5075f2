/** Walking DER (X.690 §8.1) without copying or keeping anything: lists of the revoked have hundreds of thousands of entries. */

/** One value, as offsets into the buffer that it stands in. */
export interface DerElement {
  readonly tag: number;
  /** Where its tag stands. */
  readonly start: number;
  /** Where its content begins. */
  readonly content: number;
  /** Just after it. */
  readonly end: number;
}

export const TAG = {
  integer: 0x02,
  bitString: 0x03,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  /** `[0] EXPLICIT`. */
  explicit0: 0xa0,
} as const;

/** Four octets tell of 4 GiB. */
const MAX_LENGTH_OCTETS = 4;

/** What was read is not DER, or not what was expected. */
export class MalformedDerError extends Error {
  override readonly name = 'MalformedDer';
}

/**
 * The value that begins at an offset.
 * @param end of what it may reach to.
 * @throws MalformedDer when it does not end there or before.
 */
export function readElement(der: Uint8Array, start: number, end: number): DerElement {
  const tag = der[start];
  const first = der[start + 1];
  if (tag === undefined || first === undefined || start + 2 > end)
    throw new MalformedDerError(`ends at octet ${start}`);
  let content = start + 2;
  let length = first;
  if (first >= 0x80) {
    const octets = first & 0x7f;
    // None at all is BER's indefinite length.
    if (octets === 0 || octets > MAX_LENGTH_OCTETS) throw new MalformedDerError(`has no length at octet ${start + 1}`);
    length = 0;
    for (let at = content; at < content + octets; at += 1) length = length * 256 + (der[at] ?? 0);
    content += octets;
  }
  if (content + length > end) throw new MalformedDerError(`is cut short in the value at octet ${start}`);
  return { tag, start, content, end: content + length };
}

/** As {@link readElement}, of one kind. */
export function expectElement(tag: number, der: Uint8Array, start: number, end: number): DerElement {
  const element = readElement(der, start, end);
  if (element.tag !== tag) {
    throw new MalformedDerError(
      `has tag 0x${element.tag.toString(16)} where 0x${tag.toString(16)} belongs, at octet ${start}`,
    );
  }
  return element;
}

/** The values within one, each in turn. */
export function* childElements(der: Uint8Array, within: Pick<DerElement, 'content' | 'end'>): Generator<DerElement> {
  for (let at = within.content; at < within.end; ) {
    const element = readElement(der, at, within.end);
    yield element;
    at = element.end;
  }
}

/** The octets of a value, tag and length included; not a copy. */
export function encodedOctets(der: Buffer, { start, end }: Pick<DerElement, 'start' | 'end'>): Buffer {
  return der.subarray(start, end);
}
