import type { TxtRecord } from '../../certificates/dns-name.ts';

/** Longest character-string of a TXT record (RFC 1035 §3.3.14). */
const MAX_CHARACTER_STRING_BYTES = 255;

/**
 * A text as the APIs of DNS services write a TXT record: quoted character-strings of at most 255 bytes each. Bytes that are
 * not ASCII, which no value of certman has, are in octal.
 */
export function quoteTxt(text: string): string {
  const bytes = Buffer.from(text, 'utf8');
  const strings: string[] = [];
  for (let at = 0; at < bytes.length || at === 0; at += MAX_CHARACTER_STRING_BYTES) {
    strings.push(`"${escapeString(bytes.subarray(at, at + MAX_CHARACTER_STRING_BYTES))}"`);
  }
  return strings.join(' ');
}

/** The values of a record set that {@link quoteTxt} writes as they are: short and plain. Without any other. */
export function plainRecords({
  name,
  values,
}: {
  readonly name: string;
  readonly values: readonly string[];
}): readonly TxtRecord[] {
  return values.flatMap((quoted) => {
    const value = /^"([^"\\]*)"$/.exec(quoted)?.[1];
    return value === undefined ? [] : [{ name, value }];
  });
}

function escapeString(bytes: Buffer): string {
  return bytes
    .toString('latin1')
    .replaceAll(/["\\]/g, '\\$&')
    .replaceAll(/[^ -~]/g, (byte) => `\\${byte.charCodeAt(0).toString(8).padStart(3, '0')}`);
}
