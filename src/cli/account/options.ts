import { KEY_TYPES, type KeyType } from '../../acme/private-key.ts';
import { UsageError } from '../arguments.ts';

/** The error for an option: what it is, and what it should be. */
export function wrongOption(option: string, found: string, expected: string): UsageError {
  return new UsageError(`${option} is "${found.slice(0, 200)}"; expected ${expected}`);
}

/** Parses `--key-type`. @throws UsageError */
export function parseKeyType(text: string): KeyType {
  const keyType = KEY_TYPES.find((type) => type === text);
  if (keyType !== undefined) return keyType;
  throw wrongOption('--key-type', text, KEY_TYPES.join(', '));
}

/** Checks `--email`. @throws UsageError */
export function parseEmail(text: string): string {
  if (/^[^\s@]+@[^\s@]+$/.test(text)) return text;
  throw wrongOption('--email', text, 'an e-mail address');
}
