/** Serial numbers as people have them: lists of CAs have hexadecimal ones, with and without colons. */

const DECIMAL = /^\d{1,50}$/;
const HEXADECIMAL = /^[0-9a-f]{2,42}$/;

/**
 * A serial number in decimal. Digits only are decimal; hexadecimal is what has letters, colons or `0x`.
 * @returns undefined for what is none.
 */
export function canonicalSerial(text: string): string | undefined {
  const trimmed = text.trim().toLowerCase();
  if (DECIMAL.test(trimmed)) return BigInt(trimmed).toString();
  const digits = trimmed.replace(/^0x/, '').replaceAll(':', '');
  return HEXADECIMAL.test(digits) ? BigInt(`0x${digits}`).toString() : undefined;
}

/** Lines with a serial number each; empty ones, and what follows a `#`, do not count. */
export function parseSerials(text: string): {
  readonly serials: ReadonlySet<string>;
  readonly wrong: readonly string[];
} {
  const lines = text
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '');
  const serials = new Set<string>();
  const wrong: string[] = [];
  for (const line of lines) {
    const serial = canonicalSerial(line);
    if (serial === undefined) wrong.push(line);
    else serials.add(serial);
  }
  return { serials, wrong };
}
