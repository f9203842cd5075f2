import { CertmanError } from '../../failures/failure.ts';
import type { JsonPatchOperation, KubernetesApi } from '../api/kubernetes-api.ts';
import { ACCOUNT_SECRET, type AcmeAccountSettings, accountIn } from './operator-settings.ts';
import { SECRETS } from './resources.ts';
import { encodeSecretText } from './secret-data.ts';

/** The account Secret as it was read. */
export interface AccountSecret {
  readonly account: AcmeAccountSettings;
  /**
   * Sets entries, or removes those that are undefined, if the Secret is still as it was read.
   * @throws CertmanError `kubernetes/conflict` when it has changed.
   */
  readonly change: (entries: Readonly<Record<string, string | undefined>>) => Promise<void>;
}

/** Reads the account in a Secret. @throws CertmanError `acme/accountMissing`, `acme/accountInvalid`. */
export async function readAccountSecret(
  kubernetes: KubernetesApi,
  namespace: string,
  name = ACCOUNT_SECRET,
): Promise<AccountSecret> {
  const key = { namespace, name };
  const secret = await kubernetes.get(SECRETS, key);
  const account = accountIn(secret, namespace, name);
  const isUnchanged = {
    op: 'test',
    path: '/metadata/resourceVersion',
    value: secret?.metadata.resourceVersion,
  } as const;
  return {
    account,
    change: async (entries) => {
      const changes = Object.entries(entries).map(([entry, text]): JsonPatchOperation => {
        const path = `/data/${entry}`;
        return text === undefined ? { op: 'remove', path } : { op: 'add', path, value: encodeSecretText(text) };
      });
      if ((await kubernetes.patch(SECRETS, key, [isUnchanged, ...changes])) !== undefined) return;
      throw new CertmanError({
        code: 'kubernetes/conflict',
        message: `The Secret ${namespace}/${name} was deleted meanwhile.`,
      });
    },
  };
}
