import { normalizeName } from '../../certificates/dns-name.ts';

/** Longest character-string of a TXT record (RFC 1035 §3.3.14). */
const MAX_CHARACTER_STRING_BYTES = 255;

/** A name of an API answer, normalized, its octal escapes decoded (`\052` is `*`). */
export function decodeName(name: string): string {
  return normalizeName(
    name.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
  );
}

/** A text as the Value element of a TXT record: quoted character-strings of at most 255 bytes each. */
export function quoteTxt(text: string): string {
  const bytes = Buffer.from(text, 'utf8');
  const strings: string[] = [];
  for (let at = 0; at < bytes.length || at === 0; at += MAX_CHARACTER_STRING_BYTES) {
    strings.push(`"${escapeString(bytes.subarray(at, at + MAX_CHARACTER_STRING_BYTES))}"`);
  }
  return strings.join(' ');
}

function escapeString(bytes: Buffer): string {
  return bytes
    .toString('latin1')
    .replaceAll(/["\\]/g, '\\$&')
    .replaceAll(/[^ -~]/g, (byte) => `\\${byte.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

/** Orders names as Route 53 lists them: by labels from the right, each by ASCII. */
export function compareNamesByLabel(a: string, b: string): number {
  const left = reversedLabels(a);
  const right = reversedLabels(b);
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Labels joined by a character below all that occur in names, so that a parent sorts before what is below it. */
function reversedLabels(name: string): string {
  return name.split('.').toReversed().join('\u0000');
}
