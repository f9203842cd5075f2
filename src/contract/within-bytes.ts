/** Temporal's limits of search attributes and summaries are in bytes of UTF-8. Pure. */

/** The start of a text, of whole characters. @param maxBytes of its UTF-8. */
export function withinBytes(text: string, maxBytes: number): string {
  let bytes = 0;
  let length = 0;
  for (const character of text) {
    bytes += bytesOf(character.codePointAt(0) ?? 0);
    if (bytes > maxBytes) return text.slice(0, length);
    length += character.length;
  }
  return text;
}

function bytesOf(codePoint: number): number {
  if (codePoint < 0x80) return 1;
  if (codePoint < 0x800) return 2;
  return codePoint < 0x1_0000 ? 3 : 4;
}
