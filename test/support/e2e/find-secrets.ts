/** Searches texts for secrets in every encoding in which they may occur. */
import { createPrivateKey } from 'node:crypto';

/** Part of a secret, long enough not to occur by chance. */
export interface SecretPattern {
  /** Names the secret without revealing it. */
  readonly what: string;
  readonly forms: readonly string[];
}

/** A text and where it was found. */
export interface SearchableText {
  readonly where: string;
  readonly text: string;
}

/** Shorter forms may occur by chance. */
const MIN_FORM_LENGTH = 14;

/** Forms of a secret: text, JSON and URL escapes, base64 and base64url at every offset, hexadecimal, a list of numbers. */
export function secretPattern(what: string, secret: string | Uint8Array): SecretPattern {
  const bytes = Buffer.from(secret);
  const encoded = [0, 1, 2].map((offset) => base64Inside(bytes, offset));
  const hex = bytes.toString('hex');
  const forms = new Set([
    ...encoded,
    ...encoded.map((text) => text.replaceAll('+', '-').replaceAll('/', '_')),
    hex,
    hex.toUpperCase(),
    [...bytes].join(','),
  ]);
  if (typeof secret === 'string') {
    forms.add(secret);
    forms.add(JSON.stringify(secret).slice(1, -1));
    forms.add(encodeURIComponent(secret));
    forms.add(secret.replaceAll('+', '-').replaceAll('/', '_'));
  }
  return { what, forms: [...forms].filter((form) => form.length >= MIN_FORM_LENGTH) };
}

/** Base64 of bytes at `offset` modulo 3 of the input, without the characters that depend on neighbouring bytes. */
function base64Inside(bytes: Uint8Array, offset: number): string {
  const before = offset === 0 ? 0 : offset + 1;
  const whole = Buffer.concat([Buffer.alloc(offset), bytes])
    .toString('base64')
    .replace(/=+$/, '');
  const partial = (offset + bytes.length) % 3 === 0 ? 0 : 1;
  return whole.slice(before, whole.length - partial);
}

/** Patterns of a private key: every line of its PEM and its private numbers (RFC 7518 §6.2.2, §6.3.2). */
export function privateKeyPatterns(what: string, pem: string): readonly SecretPattern[] {
  const lines = pem.split('\n').filter((line) => line !== '' && !line.startsWith('-----'));
  const jwk = createPrivateKey(pem).export({ format: 'jwk' });
  const numbers = (['d', 'p', 'q', 'dp', 'dq', 'qi'] as const).flatMap((member) => {
    const number = jwk[member];
    return typeof number === 'string' ? [[member, Buffer.from(number, 'base64url')] as const] : [];
  });
  return [
    ...lines.map((line, index) => secretPattern(`${what}, line ${index + 1}`, line)),
    // A prefix is also found in a truncated text.
    ...numbers.map(([member, bytes]) => secretPattern(`${what}, ${member}`, bytes.subarray(0, 24))),
  ].filter(({ forms }) => forms.length > 0);
}

/** @returns `<what> in <where>` for each secret found. */
export function findSecrets(haystack: Iterable<SearchableText>, needles: readonly SecretPattern[]): readonly string[] {
  const found: string[] = [];
  for (const { where, text } of haystack) {
    for (const { what, forms } of needles) {
      if (forms.some((form) => text.includes(form))) found.push(`${what} in ${where}`);
    }
  }
  return found;
}

/** @returns every string, field name and scalar in a value, one per line; bytes as UTF-8. */
export function textOf(value: unknown): string {
  const texts: string[] = [];
  const visit = (part: unknown): void => {
    if (typeof part === 'string') texts.push(part);
    else if (part instanceof Uint8Array) texts.push(Buffer.from(part).toString('utf8'));
    else if (Array.isArray(part)) part.forEach(visit);
    else if (typeof part === 'object' && part !== null) {
      for (const [name, field] of Object.entries(part)) {
        texts.push(name);
        visit(field);
      }
    } else if (typeof part === 'number' || typeof part === 'boolean' || typeof part === 'bigint') texts.push(`${part}`);
  };
  visit(value);
  return texts.join('\n');
}
