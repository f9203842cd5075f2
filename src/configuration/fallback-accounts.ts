import { LETS_ENCRYPT_STAGING } from '../certificates/ca-change.ts';
import { type Format, listOf, parseHttpsUrl } from './values.ts';

/** An ACME account that orders go to while the CAs before it fail. */
export interface FallbackAccount {
  /** Of the Secret in certman's namespace, with the entries of `lets-encrypt-account`. */
  readonly secretName: string;
  readonly directoryUrl: string;
}

/** Each one is a CA whose certificates the clients of the clusters must trust. */
const MAX_ACCOUNTS = 4;
/** Name of the Secret of the first account. */
export const FIRST_ACCOUNT = 'lets-encrypt-account';
const SECRET_NAME = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

const accounts = listOf('pairs of <Secret>=<https URL of the directory>, comma separated', parseAccount);

/** `<Secret>=<directory URL>`, comma separated, in the order in which they are tried. */
export const fallbackAccounts: Format<readonly FallbackAccount[]> = {
  expected: accounts.expected,
  parse: (found) => {
    const parsed = accounts.parse(found);
    const problem = parsed && problemOf(parsed);
    if (problem !== undefined) throw new Error(problem);
    return parsed;
  },
};

/** @returns undefined when it does not have the form `<Secret>=<https URL>`. */
export function parseAccount(text: string): FallbackAccount | undefined {
  const at = text.indexOf('=');
  const secretName = text.slice(0, Math.max(at, 0)).trim();
  const directoryUrl = parseHttpsUrl(text.slice(at + 1).trim());
  return SECRET_NAME.test(secretName) && directoryUrl !== undefined ? { secretName, directoryUrl } : undefined;
}

function problemOf(list: readonly FallbackAccount[]): string | undefined {
  if (list.length > MAX_ACCOUNTS) return `at most ${MAX_ACCOUNTS} of them`;
  const names = list.map(({ secretName }) => secretName);
  if (names.includes(FIRST_ACCOUNT)) return `not ${FIRST_ACCOUNT}, which is the first account anyway`;
  const directories = list.map(({ directoryUrl }) => directoryUrl);
  if (directories.some((url) => new URL(url).host === LETS_ENCRYPT_STAGING))
    return "not Let's Encrypt's staging, whose certificates no client trusts";
  const isRepeated = new Set(names).size < names.length || new Set(directories).size < directories.length;
  return isRepeated ? 'each Secret and each CA once' : undefined;
}
