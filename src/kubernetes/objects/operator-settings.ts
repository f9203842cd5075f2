/**
 * What certman's own namespace says: the ACME account (Secret) and the notification address (ConfigMap).
 * Names and keys are certman-operator's, so that an installation can be taken over as it is.
 */
import { z } from 'zod';
import { LoadingCache } from '../../cache/loading-cache.ts';
import { CertmanError } from '../../failures/failure.ts';
import { type KubernetesApi } from '../api/kubernetes-api.ts';
import { CONFIG_MAPS, SECRETS } from './resources.ts';
import { readSecretText } from './secret-data.ts';

export const ACCOUNT_SECRET = 'lets-encrypt-account';
export const ACCOUNT_KEY_ENTRY = 'private-key';
export const ACCOUNT_URL_ENTRY = 'account-url';
export const SETTINGS_CONFIG_MAP = 'certman-operator';
export const EMAIL_ENTRY = 'default_notification_email_address';

const CACHE_TTL_MS = 60_000;

/** The ACME account as the Secret has it; whether the key is usable is for the ACME client to say. */
export interface AcmeAccountSettings {
  /** PEM: PKCS#1 RSA, SEC1 EC or PKCS#8. */
  readonly privateKeyPem: string;
  readonly accountUrl: string;
}

export interface OperatorSettings {
  /** @throws CertmanError `acme/accountMissing` when the Secret or an entry is missing, `acme/accountInvalid` when one is unusable. */
  account(): Promise<AcmeAccountSettings>;
  /** ACME contact of all certificates. @throws CertmanError `configuration/invalid` when it is missing or no address. */
  notificationEmail(): Promise<string>;
  /** Forget what was read: the next call asks the API server. */
  invalidate(): void;
}

/** Reads are shared by all activities of a process and kept for a minute; that something is missing is never kept. */
export function createOperatorSettings(deps: {
  readonly kubernetes: KubernetesApi;
  readonly operatorNamespace: string;
}): OperatorSettings {
  const { kubernetes, operatorNamespace } = deps;
  const account = new LoadingCache<AcmeAccountSettings>({ max: 1, ttlMs: CACHE_TTL_MS });
  const email = new LoadingCache<string>({ max: 1, ttlMs: CACHE_TTL_MS });
  return {
    account: () => account.get(ACCOUNT_SECRET, () => readAccount(kubernetes, operatorNamespace)),
    notificationEmail: () => email.get(EMAIL_ENTRY, () => readEmail(kubernetes, operatorNamespace)),
    invalidate: () => {
      account.delete(ACCOUNT_SECRET);
      email.delete(EMAIL_ENTRY);
    },
  };
}

async function readAccount(kubernetes: KubernetesApi, namespace: string): Promise<AcmeAccountSettings> {
  const where = `Secret ${namespace}/${ACCOUNT_SECRET}`;
  const next = `Put the ACME account into ${where} with the keys ${ACCOUNT_KEY_ENTRY} (PEM) and ${ACCOUNT_URL_ENTRY}; issuance then goes on by itself.`;
  const secret = await kubernetes.get(SECRETS, { namespace, name: ACCOUNT_SECRET });
  if (secret === undefined) {
    throw new CertmanError({
      code: 'acme/accountMissing',
      message: `No certificate can be ordered: ${where} with the ACME account does not exist.`,
      remedy: next,
    });
  }
  const text = (entry: string): string => {
    const read = readSecretText(secret['data'], entry);
    if (read.kind === 'text' && read.text.trim() !== '') return read.text.trim();
    if (read.kind === 'unusable') {
      throw new CertmanError({ code: 'acme/accountInvalid', message: `In ${where}, ${read.why}.`, remedy: next });
    }
    throw new CertmanError({
      code: 'acme/accountMissing',
      message: `No certificate can be ordered: ${where} has no ${entry}.`,
      remedy: next,
    });
  };
  const accountUrl = text(ACCOUNT_URL_ENTRY);
  if (!/^https?:$/.test(protocolOf(accountUrl))) {
    throw new CertmanError({
      code: 'acme/accountInvalid',
      message: `In ${where}, ${ACCOUNT_URL_ENTRY} is not an http(s) URL.`,
      remedy: `Put the account URL that the CA gave at registration into ${ACCOUNT_URL_ENTRY}.`,
    });
  }
  return { privateKeyPem: `${text(ACCOUNT_KEY_ENTRY)}\n`, accountUrl };
}

function protocolOf(text: string): string {
  return URL.canParse(text) ? new URL(text).protocol : '';
}

const emailSchema = z.email().max(254);

async function readEmail(kubernetes: KubernetesApi, namespace: string): Promise<string> {
  const where = `ConfigMap ${namespace}/${SETTINGS_CONFIG_MAP}`;
  const next = `Set ${EMAIL_ENTRY} in ${where} to the address that the CA may write to.`;
  const configMap = await kubernetes.get(CONFIG_MAPS, { namespace, name: SETTINGS_CONFIG_MAP });
  if (configMap === undefined) {
    throw new CertmanError({ code: 'configuration/invalid', message: `${where} does not exist.`, remedy: next });
  }
  const data = z.record(z.string(), z.string()).catch({}).parse(configMap['data']);
  const email = data[EMAIL_ENTRY]?.trim();
  if (email === undefined || email === '') {
    throw new CertmanError({ code: 'configuration/invalid', message: `${where} has no ${EMAIL_ENTRY}.`, remedy: next });
  }
  if (!emailSchema.safeParse(email).success) {
    throw new CertmanError({
      code: 'configuration/invalid',
      message: `${EMAIL_ENTRY} in ${where} is not an e-mail address.`,
      remedy: next,
    });
  }
  return email;
}
