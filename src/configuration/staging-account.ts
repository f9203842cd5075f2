import { type FallbackAccount, FIRST_ACCOUNT, parseAccount } from './fallback-accounts.ts';
import type { Format } from './values.ts';

/** `<Secret>=<directory URL>` of the staging CA. */
export const stagingAccount: Format<FallbackAccount> = {
  expected: '<Secret>=<https URL of the directory>',
  parse: (found) => {
    const parsed = parseAccount(found);
    if (parsed?.secretName === FIRST_ACCOUNT) throw new Error(`not ${FIRST_ACCOUNT}, which is the first account`);
    return parsed;
  },
};
