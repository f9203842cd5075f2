/**
 * Replaces the account key (RFC 8555 §7.3.5). At no instant is the key that the CA knows in no Secret: the next key is stored
 * beside the present one before the CA is asked, and takes its place once the CA knows it. Whatever interrupts that, the next
 * run asks the CA which of the two it knows, and continues there. Meanwhile the workers use the one that the CA accepts.
 */
import { parseAccountKey } from '../../acme/account.ts';
import type { AcmeClient } from '../../acme/client.ts';
import { accountOfKey, changeAccountKey, requireKeyChange } from '../../acme/key-change.ts';
import { AcmeProblemError } from '../../acme/problems.ts';
import { deriveSealKey } from '../../acme/seals.ts';
import { Signer } from '../../acme/signer.ts';
import { CertmanError } from '../../failures/failure.ts';
import type { KubernetesApi } from '../../kubernetes/api/kubernetes-api.ts';
import { retryOnConflict } from '../../kubernetes/api/retry-on-conflict.ts';
import { readAccountSecret } from '../../kubernetes/objects/account-secret.ts';
import {
  ACCOUNT_KEY_ENTRY,
  ACCOUNT_NEXT_KEY_ENTRY,
  ACCOUNT_SEAL_KEY_ENTRY,
} from '../../kubernetes/objects/operator-settings.ts';
import { accountCommand } from './account-command.ts';

/** Other clients of the Secret, such as what it is applied from, write seldom. */
const MAX_ATTEMPTS = 5;

/** What a rollover works with. */
export interface RolloverDeps {
  readonly kubernetes: KubernetesApi;
  readonly namespace: string;
  /** Of the Secret with the account. */
  readonly secretName: string;
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
  secretName,
  ca,
}: Omit<RolloverDeps, 'makeKey'>): Promise<RolloverProgress> {
  const { account } = await readAccountSecret(kubernetes, namespace, secretName);
  if (account.nextPrivateKeyPem === undefined) return 'none';
  return (await isKeyOfAccount(ca, account.nextPrivateKeyPem)) ? 'changed' : 'staged';
}

/** Replaces the account key, or completes what an earlier run began. @returns the thumbprint of the new key. @throws as above. */
export async function rollOver(deps: RolloverDeps): Promise<string> {
  const { kubernetes, namespace, secretName, ca } = deps;
  const { account, change } = await readAccountSecret(kubernetes, namespace, secretName);
  const sealKey = account.sealKey ?? deriveSealKey(parseAccountKey(account.privateKeyPem)).toString('base64url');
  const isStaged = account.nextPrivateKeyPem !== undefined;
  const nextPem = `${account.nextPrivateKeyPem?.trim() ?? (await newKeyFor(deps)).trim()}\n`;
  const nextKey = parseAccountKey(nextPem);
  if (isStaged) {
    if (!(await isKeyOfAccount(ca, nextPem))) await changeAccountKey(ca, nextKey);
  } else {
    await change({ [ACCOUNT_NEXT_KEY_ENTRY]: nextPem, [ACCOUNT_SEAL_KEY_ENTRY]: sealKey });
    await changeAccountKey(ca, nextKey).catch((error: unknown) => unstageRefused(deps, nextPem, error));
  }
  await promote(deps, nextPem, sealKey);
  return new Signer(nextKey).thumbprint;
}

/** Nothing is stored for a CA that changes no keys: the rollover could never be completed. */
async function newKeyFor({ ca, makeKey }: RolloverDeps): Promise<string> {
  await requireKeyChange(ca);
  return await makeKey();
}

/**
 * A key that the CA has refused is removed again: its rollover could never be completed. Not one of an earlier run, whose request
 * may be under way still. @throws the refusal, unless the CA knows the key.
 */
async function unstageRefused(deps: RolloverDeps, nextPem: string, error: unknown) {
  const { kubernetes, namespace, secretName, ca } = deps;
  if (!(error instanceof AcmeProblemError) || !isRefusal(error)) throw error;
  if (await isKeyOfAccount(ca, nextPem)) return;
  const { account, change } = await readAccountSecret(kubernetes, namespace, secretName);
  if (isSamePem(account.nextPrivateKeyPem, nextPem)) await change({ [ACCOUNT_NEXT_KEY_ENTRY]: undefined });
  throw error;
}

/** Whether the CA itself answered, and will not answer otherwise later. */
function isRefusal({ type, status }: AcmeProblemError): boolean {
  return type !== '' && status !== 429 && (status < 500 || status === 501);
}

/**
 * The CA knows the next key from now on, so whatever has happened to the Secret meanwhile, it gets that key: this process may
 * have the only copy. Where another run has completed the rollover, nothing is written.
 */
async function promote(deps: RolloverDeps, nextPem: string, sealKey: string): Promise<void> {
  const { kubernetes, namespace, secretName, ca } = deps;
  await retryOnConflict(MAX_ATTEMPTS, async () => {
    const { account, change } = await readAccountSecret(kubernetes, namespace, secretName);
    const isStaged = isSamePem(account.nextPrivateKeyPem, nextPem);
    if (!isStaged) {
      if (isSamePem(account.privateKeyPem, nextPem)) return;
      const isOurs = new URL(account.accountUrl).href === ca.session.account.url && (await isKeyOfAccount(ca, nextPem));
      if (!isOurs) throw replacedMeanwhile(deps);
    }
    await change({
      [ACCOUNT_KEY_ENTRY]: nextPem,
      [ACCOUNT_SEAL_KEY_ENTRY]: account.sealKey ?? sealKey,
      ...(isStaged && { [ACCOUNT_NEXT_KEY_ENTRY]: undefined }),
    });
  });
}

function isSamePem(one: string | undefined, other: string): boolean {
  return one?.trim() === other.trim();
}

function replacedMeanwhile({ namespace, secretName }: RolloverDeps): CertmanError {
  return new CertmanError({
    code: 'kubernetes/conflict',
    message: `The account in Secret ${namespace}/${secretName} was replaced during the rollover, and was not changed.`,
    remedy: `"${accountCommand('show', secretName)}" says which account it has now.`,
  });
}

async function isKeyOfAccount(ca: AcmeClient, keyPem: string): Promise<boolean> {
  return (await accountOfKey(ca, parseAccountKey(keyPem))) === ca.session.account.url;
}
