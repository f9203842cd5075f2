import { MAX_NAME_LENGTH } from '../certificates/dns-name.ts';

const LABEL = /^[a-z0-9_-]{1,63}$/;

/** Whether a normalized name can be that of a TXT record. */
export function isWritableName(name: string): boolean {
  return name.length <= MAX_NAME_LENGTH && name.split('.').every((label) => LABEL.test(label));
}
