/** What is in certman's own namespace: the ACME account and the contact, as an administrator writes them. */
import { withHubApi } from '../../local/hub-api.ts';
import { CONFIG_MAPS, type ResourceType, SECRETS } from '../../src/kubernetes/kubernetes-api.ts';
import { ACCOUNT_SECRET, EMAIL_ENTRY, SETTINGS_CONFIG_MAP } from '../../src/kubernetes/operator-settings.ts';
import { objectPath } from '../../src/kubernetes/resource-path.ts';
import { OPERATOR_NAMESPACE } from './hub.ts';
import type { LifeLab } from './life-lab.ts';

export const ACCOUNT = { namespace: OPERATOR_NAMESPACE, name: ACCOUNT_SECRET } as const;

/** Entries of the account's Secret. */
export interface Account {
  readonly 'account-url': string;
  readonly 'private-key': string;
}

export async function readAccount({ kubernetes }: LifeLab): Promise<Account> {
  const found = await kubernetes.get(SECRETS, ACCOUNT);
  const data = found?.['data'] as Account;
  const text = (entry: keyof Account) => Buffer.from(data[entry], 'base64').toString();
  return { 'account-url': text('account-url'), 'private-key': text('private-key') };
}

export async function writeAccount(lab: LifeLab, account: Account): Promise<void> {
  await write(lab, SECRETS, ACCOUNT_SECRET, { stringData: account });
}

export async function writeEmail(lab: LifeLab, address: string): Promise<void> {
  await write(lab, CONFIG_MAPS, SETTINGS_CONFIG_MAP, { data: { [EMAIL_ENTRY]: address } });
}

async function write({ stack }: LifeLab, resource: ResourceType, name: string, content: object): Promise<void> {
  const metadata = { namespace: OPERATOR_NAMESPACE, name };
  const body = { apiVersion: resource.version, kind: resource.kind, metadata, ...content };
  await withHubApi(stack.kubernetes.adminKubeconfig, (hub) =>
    hub.apply([{ path: objectPath(resource, metadata), body }]),
  );
}
