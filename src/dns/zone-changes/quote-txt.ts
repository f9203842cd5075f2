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

/** The text that {@link quoteTxt} writes as this, where that is short and plain; undefined for any other. */
export function plainTextOf(quoted: string): string | undefined {
  return /^"([^"\\]*)"$/.exec(quoted)?.[1];
}

function escapeString(bytes: Buffer): string {
  return bytes
    .toString('latin1')
    .replaceAll(/["\\]/g, '\\$&')
    .replaceAll(/[^ -~]/g, (byte) => `\\${byte.charCodeAt(0).toString(8).padStart(3, '0')}`);
}
