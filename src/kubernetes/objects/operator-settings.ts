/** Settings in certman's namespace, named as certman-operator's, so that its installation is adopted unchanged. */
import { z } from 'zod';
import { LoadingCache } from '../../cache/loading-cache.ts';
import { CertmanError } from '../../failures/failure.ts';
import type { KubernetesApi, KubernetesObject } from '../api/kubernetes-api.ts';
import { CONFIG_MAPS, SECRETS } from './resources.ts';
import { readSecretText } from './secret-data.ts';

/** Name of the Secret with the ACME account. */
export const ACCOUNT_SECRET = 'lets-encrypt-account';
/** Entry of {@link ACCOUNT_SECRET}: PEM of the account key. */
export const ACCOUNT_KEY_ENTRY = 'private-key';
/** Entry of {@link ACCOUNT_SECRET}: URL of the account. */
export const ACCOUNT_URL_ENTRY = 'account-url';
/** Entry of {@link ACCOUNT_SECRET}, during a key rollover: PEM of the next key. */
export const ACCOUNT_NEXT_KEY_ENTRY = 'next-private-key';
/** Entry of {@link ACCOUNT_SECRET}, since its first key rollover: key of the seals, base64url. */
export const ACCOUNT_SEAL_KEY_ENTRY = 'seal-key';
/** Name of the ConfigMap with the notification address. */
export const SETTINGS_CONFIG_MAP = 'certman-operator';
/** Entry of {@link SETTINGS_CONFIG_MAP}: the notification address. */
export const EMAIL_ENTRY = 'default_notification_email_address';

const CACHE_TTL_MS = 60_000;

/** The ACME account as the Secret has it; the ACME client checks the key. */
export interface AcmeAccountSettings {
  /** PEM: PKCS#1 RSA, SEC1 EC or PKCS#8. */
  readonly privateKeyPem: string;
  readonly accountUrl: string;
  /** PEM of the next key, during a key rollover. */
  readonly nextPrivateKeyPem?: string | undefined;
  /** base64url. */
  readonly sealKey?: string | undefined;
}

/** Reads the ACME account and the notification address. */
export interface OperatorSettings {
  /** @throws CertmanError `acme/accountMissing` (no Secret or entry), `acme/accountInvalid` (unusable entry). */
  account(): Promise<AcmeAccountSettings>;
  /** ACME contact. @throws CertmanError `configuration/invalid` when it is missing or no address. */
  notificationEmail(): Promise<string>;
  invalidate(): void;
}

/** Caches for a minute, for all activities of a process; failures are not cached. */
export function createOperatorSettings(deps: {
  readonly kubernetes: KubernetesApi;
  readonly operatorNamespace: string;
}): OperatorSettings {
  const { kubernetes, operatorNamespace } = deps;
  const account = new LoadingCache<AcmeAccountSettings>({ max: 1, ttlMs: CACHE_TTL_MS });
  const email = new LoadingCache<string>({ max: 1, ttlMs: CACHE_TTL_MS });
  return {
    account: () => account.get(ACCOUNT_SECRET, () => readAccount(kubernetes, operatorNamespace, ACCOUNT_SECRET)),
    notificationEmail: () => email.get(EMAIL_ENTRY, () => readEmail(kubernetes, operatorNamespace)),
    invalidate: () => {
      account.delete(ACCOUNT_SECRET);
      email.delete(EMAIL_ENTRY);
    },
  };
}

/** The account in a Secret of another name, cached as that of {@link OperatorSettings}. */
export function createAccountStore(
  { kubernetes, operatorNamespace }: { readonly kubernetes: KubernetesApi; readonly operatorNamespace: string },
  secretName: string,
): Pick<OperatorSettings, 'account' | 'invalidate'> {
  const account = new LoadingCache<AcmeAccountSettings>({ max: 1, ttlMs: CACHE_TTL_MS });
  return {
    account: () => account.get(secretName, () => readAccount(kubernetes, operatorNamespace, secretName)),
    invalidate: () => account.delete(secretName),
  };
}

async function readAccount(
  kubernetes: KubernetesApi,
  namespace: string,
  secretName: string,
): Promise<AcmeAccountSettings> {
  return accountIn(await kubernetes.get(SECRETS, { namespace, name: secretName }), namespace, secretName);
}

/** The account in its Secret. @throws CertmanError as {@link OperatorSettings.account}. */
export function accountIn(
  secret: KubernetesObject | undefined,
  namespace: string,
  secretName = ACCOUNT_SECRET,
): AcmeAccountSettings {
  const where = `Secret ${namespace}/${secretName}`;
  const remedy = `Put the ACME account into ${where} with the keys ${ACCOUNT_KEY_ENTRY} (PEM) and ${ACCOUNT_URL_ENTRY} (as the CA gave it at registration); issuance then continues by itself.`;
  const missing = (what: string): CertmanError => {
    const message = `No certificate can be ordered: ${where} ${what}.`;
    return new CertmanError({ code: 'acme/accountMissing', message, remedy });
  };
  const invalid = (why: string): CertmanError =>
    new CertmanError({ code: 'acme/accountInvalid', message: `In ${where}, ${why}.`, remedy });
  if (secret === undefined) throw missing('with the ACME account does not exist');
  const readOptional = (entry: string): string | undefined => {
    const value = readSecretText(secret['data'], entry);
    if (value.kind === 'unusable') throw invalid(value.why);
    return value.text?.trim() || undefined;
  };
  const read = (entry: string): string => {
    const text = readOptional(entry);
    if (text === undefined) throw missing(`has no ${entry}`);
    return text;
  };
  const accountUrl = read(ACCOUNT_URL_ENTRY);
  if (!/^https?:/i.test(accountUrl) || !URL.canParse(accountUrl)) {
    throw invalid(`${ACCOUNT_URL_ENTRY} is not an http(s) URL`);
  }
  return {
    privateKeyPem: `${read(ACCOUNT_KEY_ENTRY)}\n`,
    accountUrl,
    nextPrivateKeyPem: readOptional(ACCOUNT_NEXT_KEY_ENTRY),
    sealKey: readOptional(ACCOUNT_SEAL_KEY_ENTRY),
  };
}

const settingsSchema = z.record(z.string(), z.string()).catch({});
const emailSchema = z.email().max(254);

async function readEmail(kubernetes: KubernetesApi, namespace: string): Promise<string> {
  const where = `ConfigMap ${namespace}/${SETTINGS_CONFIG_MAP}`;
  const remedy = `Set ${EMAIL_ENTRY} in ${where} to the address that the CA may write to.`;
  const invalid = (message: string): CertmanError =>
    new CertmanError({ code: 'configuration/invalid', message, remedy });
  const configMap = await kubernetes.get(CONFIG_MAPS, { namespace, name: SETTINGS_CONFIG_MAP });
  if (configMap === undefined) throw invalid(`${where} does not exist.`);
  const email = settingsSchema.parse(configMap['data'])[EMAIL_ENTRY]?.trim() ?? '';
  if (email === '') throw invalid(`${where} has no ${EMAIL_ENTRY}.`);
  if (!emailSchema.safeParse(email).success) throw invalid(`${EMAIL_ENTRY} in ${where} is not an e-mail address.`);
  return email;
}
