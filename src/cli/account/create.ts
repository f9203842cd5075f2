import { generatePrivateKey } from '../../acme/private-key.ts';
import { checkConditions, registerAccount } from '../../acme/register-account.ts';
import { AcmeTransport } from '../../acme/transport.ts';
import { loadSettings } from '../../configuration/load-configuration.ts';
import { isObjectName } from '../../kubernetes/api/resource-path.ts';
import { ACCOUNT_SECRET } from '../../kubernetes/objects/operator-settings.ts';
import { VERSION } from '../../version.ts';
import type { KubeConnection } from '../kubectl-options.ts';
import { formatOutput, note, type OutputOptions, print } from '../output.ts';
import { accountSecret, storeAccount } from './account-secret.ts';
import { readExternalAccount } from './external-account.ts';
import { parseEmail, parseKeyType, wrongOption } from './options.ts';

const DIRECTORIES: Readonly<Record<string, string>> = {
  letsencrypt: 'https://acme-v02.api.letsencrypt.org/directory',
  'letsencrypt-staging': 'https://acme-staging-v02.api.letsencrypt.org/directory',
};

/** Options of `certman account create`. */
export interface CreateOptions extends KubeConnection, OutputOptions {
  readonly directory: string;
  readonly email?: string;
  readonly agreeTos?: true;
  readonly eabSecret?: string;
  readonly keyType: string;
  readonly caBundle?: string;
  readonly secret?: string;
  readonly apply?: true;
}

/** Registers an account, and prints or creates the Secret that the worker reads. @throws CertmanError */
export async function createAccount(options: CreateOptions): Promise<void> {
  const {
    directory,
    email,
    agreeTos,
    eabSecret,
    caBundle,
    secret = ACCOUNT_SECRET,
    apply,
    kubeconfig,
    context,
  } = options;
  const connection = { kubeconfig, context };
  if (!isObjectName(secret)) throw wrongOption('--secret', secret, 'the name of a Secret');
  const directoryUrl = DIRECTORIES[directory] ?? directory;
  if (!URL.canParse(directoryUrl) || new URL(directoryUrl).protocol !== 'https:') {
    throw wrongOption('--directory', directory, `an https URL or ${Object.keys(DIRECTORIES).join(', ')}`);
  }
  const contacts = email === undefined ? [] : [parseEmail(email)];
  const keyType = parseKeyType(options.keyType);
  const bundle = caBundle === undefined ? {} : { CERTMAN_ACME_CA_BUNDLE: caBundle };
  const { namespace, acmeCaBundle, privateNetworks } = loadSettings({ ...process.env, ...bundle }, [
    'namespace',
    'acmeCaBundle',
    'privateNetworks',
  ]);
  const externalAccount =
    eabSecret === undefined ? undefined : await readExternalAccount({ namespace, name: eabSecret }, connection);
  const account = { directoryUrl, termsAgreed: agreeTos === true, contacts, externalAccount };
  const transport = new AcmeTransport({ userAgent: `certman/${VERSION}`, caBundlePem: acmeCaBundle, privateNetworks });
  const register = async (privateKeyPem: string): Promise<string> => {
    const accountUrl = await registerAccount(transport, { ...account, privateKeyPem });
    note(`registered the account ${accountUrl}`);
    return accountUrl;
  };
  const makeKey = () => generatePrivateKey(keyType);
  try {
    await checkConditions(transport, account);
    if (apply === true) {
      const accountUrl = await storeAccount({ namespace, name: secret }, makeKey, register, connection);
      const stored = `Secret ${namespace}/${secret} created. Certificates that wait for it are ordered now.`;
      return print(await formatOutput(options, { namespace, secret, url: accountUrl }, () => stored));
    }
    const privateKeyPem = await makeKey();
    const accountUrl = await register(privateKeyPem);
    const manifest = accountSecret({ namespace, name: secret }, { privateKeyPem, accountUrl });
    const { dumpYaml } = await import('../yaml.ts');
    print(await formatOutput(options, manifest, () => dumpYaml(manifest).trimEnd()));
  } finally {
    await transport.close();
  }
}
