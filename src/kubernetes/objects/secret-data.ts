/** A whole Secret has at most 1 MiB (k8s.io/api core/v1 MaxSecretSize); few entries come near it. */
const MAX_ENTRY_BYTES = 256 * 1024;

/** An entry as text, or what is wrong with it, as a clause. */
export type SecretText =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'absent' | 'unusable'; readonly why: string; readonly text?: undefined };

/** Reads an entry of `data`. Users can write anything there: it is bounded, and never quoted in a message. */
export function readSecretText(data: unknown, entry: string, maxBytes = MAX_ENTRY_BYTES): SecretText {
  const value = (data as Readonly<Record<string, unknown>> | null | undefined)?.[entry];
  if (value === undefined || value === null || value === '') {
    return { kind: 'absent', why: `${entry} is missing or empty` };
  }
  if (typeof value !== 'string') return { kind: 'unusable', why: `${entry} is not a string` };
  if (value.length > (maxBytes * 4) / 3 + 4) {
    return { kind: 'unusable', why: `${entry} is larger than ${maxBytes / 1024} KiB` };
  }
  const text = Buffer.from(value, 'base64').toString('utf8');
  return text === '' ? { kind: 'unusable', why: `${entry} is not base64` } : { kind: 'text', text };
}

/** A text as an entry of `data`. */
export function encodeSecretText(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
