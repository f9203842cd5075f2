/**
 * Replaces the account key (RFC 8555 §7.3.5). At no instant is the key that the CA knows in no Secret: the next key is stored
 * beside the present one before the CA is asked, and takes its place once the CA knows it. Whatever interrupts that, the next
 * run asks the CA which of the two it knows, and continues there. Meanwhile the workers use the one that the CA accepts.
 */
import { parseAccountKey } from '../../acme/account.ts';
import type { AcmeClient } from '../../acme/client.ts';
import { accountOfKey, changeAccountKey } from '../../acme/key-change.ts';
import { deriveSealKey } from '../../acme/seals.ts';
import { Signer } from '../../acme/signer.ts';
import type { KubernetesApi } from '../../kubernetes/api/kubernetes-api.ts';
import { readAccountSecret } from '../../kubernetes/objects/account-secret.ts';
import {
  ACCOUNT_KEY_ENTRY,
  ACCOUNT_NEXT_KEY_ENTRY,
  ACCOUNT_SEAL_KEY_ENTRY,
} from '../../kubernetes/objects/operator-settings.ts';

/** What a rollover works with. */
export interface RolloverDeps {
  readonly kubernetes: KubernetesApi;
  readonly namespace: string;
  /** Under the account of the Secret. */
  readonly ca: AcmeClient;
  /** Generates the next key, PEM. */
  readonly makeKey: () => Promise<string>;
}

/** How far a rollover has come: `none` is stored yet, the next key is `staged`, or the CA has `changed` to it. */
export type RolloverProgress = 'none' | 'staged' | 'changed';

/** How far an earlier run has come. Changes nothing. @throws CertmanError of any `acme/` and `kubernetes/` code. */
export async function rolloverProgress({
  kubernetes,
  namespace,
  ca,
}: Omit<RolloverDeps, 'makeKey'>): Promise<RolloverProgress> {
  const { account } = await readAccountSecret(kubernetes, namespace);
  if (account.nextPrivateKeyPem === undefined) return 'none';
  return (await isKeyOfAccount(ca, account.nextPrivateKeyPem)) ? 'changed' : 'staged';
}

/** Replaces the account key, or completes what an earlier run began. @returns the thumbprint of the new key. @throws as above. */
export async function rollOver({ kubernetes, namespace, ca, makeKey }: RolloverDeps): Promise<string> {
  const secret = await readAccountSecret(kubernetes, namespace);
  const { privateKeyPem, nextPrivateKeyPem: staged, sealKey } = secret.account;
  if (staged === undefined) {
    const sealKeyText = sealKey ?? deriveSealKey(parseAccountKey(privateKeyPem)).toString('base64url');
    await secret.change({ [ACCOUNT_NEXT_KEY_ENTRY]: await makeKey(), [ACCOUNT_SEAL_KEY_ENTRY]: sealKeyText });
  }
  const { account, change } = await readAccountSecret(kubernetes, namespace);
  const nextPem = `${account.nextPrivateKeyPem ?? ''}\n`;
  const nextKey = parseAccountKey(nextPem);
  const isChanged = staged !== undefined && (await isKeyOfAccount(ca, nextPem));
  if (!isChanged) await changeAccountKey(ca, nextKey);
  await change({ [ACCOUNT_KEY_ENTRY]: nextPem, [ACCOUNT_NEXT_KEY_ENTRY]: undefined });
  return new Signer(nextKey).thumbprint;
}

async function isKeyOfAccount(ca: AcmeClient, keyPem: string): Promise<boolean> {
  return (await accountOfKey(ca, parseAccountKey(keyPem))) === ca.session.account.url;
}
