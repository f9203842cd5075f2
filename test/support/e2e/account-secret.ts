/** Reads and writes the ACME account Secret and the contact address in certman's namespace, as an administrator does. */
import { withHiveClient } from '../../../local/stack/management-cluster/clients.ts';
import { type ResourceType } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { objectPath } from '../../../src/kubernetes/api/resource-path.ts';
import { ACCOUNT_SECRET, EMAIL_ENTRY, SETTINGS_CONFIG_MAP } from '../../../src/kubernetes/objects/operator-settings.ts';
import { CONFIG_MAPS, SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { OPERATOR_NAMESPACE } from '../kubernetes/management-cluster.ts';
import type { E2eHarness } from './harness.ts';

export const ACCOUNT = { namespace: OPERATOR_NAMESPACE, name: ACCOUNT_SECRET } as const;

/** Entries of the account Secret, decoded. */
export interface Account {
  readonly 'account-url': string;
  readonly 'private-key': string;
}

/** @returns the entries of the account Secret, decoded. */
export async function readAccount({ kubernetes }: E2eHarness): Promise<Account> {
  const found = await kubernetes.get(SECRETS, ACCOUNT);
  const data = found?.['data'] as Account;
  const text = (entry: keyof Account) => Buffer.from(data[entry], 'base64').toString();
  return { 'account-url': text('account-url'), 'private-key': text('private-key') };
}

/** Applies the account Secret. */
export async function writeAccount(lab: E2eHarness, account: Account): Promise<void> {
  await write(lab, SECRETS, ACCOUNT_SECRET, { stringData: account });
}

/** Applies the ConfigMap with the contact address. */
export async function writeEmail(lab: E2eHarness, address: string): Promise<void> {
  await write(lab, CONFIG_MAPS, SETTINGS_CONFIG_MAP, { data: { [EMAIL_ENTRY]: address } });
}

async function write({ stack }: E2eHarness, resource: ResourceType, name: string, content: object): Promise<void> {
  const metadata = { namespace: OPERATOR_NAMESPACE, name };
  const body = { apiVersion: resource.version, kind: resource.kind, metadata, ...content };
  await withHiveClient(stack.kubernetes.adminKubeconfig, (hive) =>
    hive.apply([{ path: objectPath(resource, metadata), body }]),
  );
}
