import { CertmanError } from '../../failures/failure.ts';
import type { KubernetesApi, KubernetesObject } from '../../kubernetes/api/kubernetes-api.ts';
import { patchIfUnchanged } from '../../kubernetes/api/patch-if-unchanged.ts';
import { ACCOUNT_KEY_ENTRY, ACCOUNT_URL_ENTRY } from '../../kubernetes/objects/operator-settings.ts';
import { SECRETS } from '../../kubernetes/objects/resources.ts';
import { encodeSecretText, readSecretText } from '../../kubernetes/objects/secret-data.ts';
import type { KubeConnection } from '../kubectl-options.ts';
import { withKubernetes } from '../kubernetes-client.ts';
import { note } from '../output.ts';

/** Which Secret. */
export interface AccountSecretName {
  readonly namespace: string;
  readonly name: string;
}

/** The Secret that the worker reads. Without a URL: its account is not registered yet. */
export function accountSecret(
  { namespace, name }: AccountSecretName,
  { privateKeyPem, accountUrl }: { readonly privateKeyPem: string; readonly accountUrl?: string },
): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace, name },
    type: 'Opaque',
    stringData: {
      [ACCOUNT_KEY_ENTRY]: privateKeyPem,
      ...(accountUrl !== undefined && { [ACCOUNT_URL_ENTRY]: accountUrl }),
    },
  };
}

/**
 * Creates the Secret with a key, registers the key's account, and completes the Secret. The key is stored first, so that no
 * account is lost when that is interrupted; the next run registers the same one. Never overwrites an account: only its key can
 * revoke its certificates.
 * @param register returns the account's URL. @returns it. @throws CertmanError `kubernetes/conflict` when there is an account already.
 */
export async function storeAccount(
  secretName: AccountSecretName,
  makeKey: () => Promise<string>,
  register: (privateKeyPem: string) => Promise<string>,
  connection: KubeConnection = {},
): Promise<string> {
  return await withKubernetes(async (kubernetes) => {
    const { secret, privateKeyPem } = await secretWithKey(kubernetes, secretName, makeKey);
    const accountUrl = await register(privateKeyPem);
    const entries = { [`/data/${ACCOUNT_URL_ENTRY}`]: encodeSecretText(accountUrl) };
    const stored = await patchIfUnchanged(kubernetes, SECRETS, secret.metadata, entries);
    if (stored === undefined) throw conflict(secretName, 'was deleted meanwhile', 'Run the command again.');
    return accountUrl;
  }, connection);
}

async function secretWithKey(
  kubernetes: KubernetesApi,
  secretName: AccountSecretName,
  makeKey: () => Promise<string>,
): Promise<{ readonly secret: KubernetesObject; readonly privateKeyPem: string }> {
  const existing = await kubernetes.get(SECRETS, secretName);
  if (existing === undefined) {
    const privateKeyPem = await makeKey();
    const secret = await kubernetes.create(SECRETS, accountSecret(secretName, { privateKeyPem }));
    if (secret !== undefined) return { secret, privateKeyPem };
  }
  const read = (entry: string) => readSecretText(existing?.['data'], entry);
  const stored = read(ACCOUNT_KEY_ENTRY);
  if (existing !== undefined && read(ACCOUNT_URL_ENTRY).kind === 'absent' && stored.kind === 'text') {
    note(`registering the account of the key in Secret ${secretName.namespace}/${secretName.name}`);
    return { secret: existing, privateKeyPem: stored.text };
  }
  throw conflict(
    secretName,
    'exists already and was not changed',
    'Delete it first if its account is no longer needed: without its key, its certificates cannot be revoked.',
  );
}

function conflict({ namespace, name }: AccountSecretName, what: string, remedy: string): CertmanError {
  const message = `The Secret ${namespace}/${name} ${what}.`;
  return new CertmanError({ code: 'kubernetes/conflict', message, remedy });
}
