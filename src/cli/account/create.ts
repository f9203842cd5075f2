import { generatePrivateKey } from '../../acme/private-key.ts';
import { type AccountRegistration, registerAccount } from '../../acme/register-account.ts';
import { AcmeTransport } from '../../acme/transport.ts';
import { loadSettings } from '../../configuration/load-configuration.ts';
import { CertmanError } from '../../failures/failure.ts';
import type { KubernetesObject } from '../../kubernetes/api/kubernetes-api.ts';
import { ACCOUNT_KEY_ENTRY, ACCOUNT_SECRET, ACCOUNT_URL_ENTRY } from '../../kubernetes/objects/operator-settings.ts';
import { SECRETS } from '../../kubernetes/objects/resources.ts';
import { VERSION } from '../../version.ts';
import { withKubernetes } from '../kubernetes-client.ts';
import { note, print } from '../output.ts';
import { readExternalAccount } from './external-account.ts';
import { parseEmail, parseKeyType, wrongOption } from './options.ts';

const DIRECTORIES: Readonly<Record<string, string>> = {
  letsencrypt: 'https://acme-v02.api.letsencrypt.org/directory',
  'letsencrypt-staging': 'https://acme-staging-v02.api.letsencrypt.org/directory',
};

/** Options of `certman account create`. */
export interface CreateOptions {
  readonly directory: string;
  readonly email?: string;
  readonly agreeTos?: true;
  readonly eabSecret?: string;
  readonly keyType: string;
  readonly caBundle?: string;
  readonly apply?: true;
}

/** Registers an account, and prints or creates the Secret that the worker reads. @throws CertmanError */
export async function createAccount(options: CreateOptions): Promise<void> {
  const { directory, email, agreeTos, eabSecret, caBundle, apply } = options;
  const directoryUrl = DIRECTORIES[directory] ?? directory;
  if (!URL.canParse(directoryUrl) || new URL(directoryUrl).protocol !== 'https:') {
    throw wrongOption('--directory', directory, `an https URL or ${Object.keys(DIRECTORIES).join(', ')}`);
  }
  const contacts = email === undefined ? [] : [parseEmail(email)];
  const keyType = parseKeyType(options.keyType);
  const bundle = caBundle === undefined ? {} : { CERTMAN_ACME_CA_BUNDLE: caBundle };
  const { namespace, acmeCaBundle } = loadSettings({ ...process.env, ...bundle }, ['namespace', 'acmeCaBundle']);
  const createSecret = async (): Promise<KubernetesObject> => {
    const privateKeyPem = await generatePrivateKey(keyType);
    const externalAccount =
      eabSecret === undefined ? undefined : await readExternalAccount({ namespace, name: eabSecret });
    const termsAgreed = agreeTos === true;
    const account = { directoryUrl, privateKeyPem, termsAgreed, contacts, externalAccount };
    const accountUrl = await register(account, acmeCaBundle);
    note(`registered the account ${accountUrl}`);
    return {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace, name: ACCOUNT_SECRET },
      type: 'Opaque',
      stringData: { [ACCOUNT_KEY_ENTRY]: privateKeyPem, [ACCOUNT_URL_ENTRY]: accountUrl },
    };
  };
  if (apply === true) return await storeSecret(namespace, createSecret);
  const { dumpYaml } = await import('../yaml.ts');
  print(dumpYaml(await createSecret()).trimEnd());
}

async function register(account: AccountRegistration, caBundlePem: string | undefined): Promise<string> {
  const transport = new AcmeTransport({ userAgent: `certman/${VERSION}`, caBundlePem });
  try {
    return await registerAccount(transport, account);
  } finally {
    await transport.close();
  }
}

/** Never overwrites: only its key can revoke an account's certificates. Checks first, to leave no unused account. */
async function storeSecret(namespace: string, createSecret: () => Promise<KubernetesObject>): Promise<void> {
  const secret = `${namespace}/${ACCOUNT_SECRET}`;
  await withKubernetes(async (kubernetes) => {
    const existing = await kubernetes.get(SECRETS, { namespace, name: ACCOUNT_SECRET });
    const created = existing === undefined ? await kubernetes.create(SECRETS, await createSecret()) : undefined;
    if (created !== undefined) return;
    throw new CertmanError({
      code: 'kubernetes/conflict',
      message: `The Secret ${secret} exists already and was not changed.`,
      remedy:
        'Delete it first if its account is no longer needed: without its key, its certificates cannot be revoked.',
    });
  });
  print(`Secret ${secret} created. Certificates that wait for it are ordered now.`);
}
