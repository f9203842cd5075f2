import { Command } from 'commander';
import type { AccountRegistration } from '../../acme/register-account.ts';
import { loadSettings } from '../../configuration/load-configuration.ts';
import { CertmanError } from '../../failures/failure.ts';
import type { KubernetesObject } from '../../kubernetes/api/kubernetes-api.ts';
import { UsageError } from '../arguments.ts';
import { note, print } from '../output.ts';

const DIRECTORIES: Readonly<Record<string, string>> = {
  letsencrypt: 'https://acme-v02.api.letsencrypt.org/directory',
  'letsencrypt-staging': 'https://acme-staging-v02.api.letsencrypt.org/directory',
};
const DIRECTORY_NAMES = Object.keys(DIRECTORIES).join(', ');

interface CreateOptions {
  readonly directory: string;
  readonly email?: string;
  readonly agreeTos?: true;
  readonly keyType: string;
  readonly caBundle?: string;
  readonly apply?: true;
}

/** `certman account create`: registers an ACME account and stores it in the Secret that the worker reads. */
export function accountCommand(): Command {
  const create = new Command('create')
    .summary('register an ACME account')
    .description(
      'Registers a new account with an ACME CA and prints the Secret that the worker reads (for kubectl apply), or creates it.\n' +
        'The private key is generated here and appears in that Secret only.',
    )
    .requiredOption('--directory <url>', `ACME directory: a URL, or ${DIRECTORY_NAMES}`)
    .option('--email <address>', 'contact address, for CAs that use one')
    .option('--agree-tos', "agree to the CA's terms of service")
    .option('--key-type <type>', 'p-256, p-384 or rsa-2048', 'p-256')
    .option(
      '--ca-bundle <file>',
      "PEM file of the CA certificates that the CA's server is verified with (default: CERTMAN_ACME_CA_BUNDLE)",
    )
    .option('--apply', 'create the Secret on the management cluster instead of printing it')
    .addHelpText(
      'after',
      '\nExample:\n  certman account create --directory letsencrypt-staging --email ops@example.com --agree-tos | kubectl apply -f -',
    )
    .action(createAccount);
  return new Command('account').summary('ACME accounts').description('ACME accounts.').addCommand(create);
}

async function createAccount(options: CreateOptions): Promise<void> {
  const { KEY_TYPES, generatePrivateKey } = await import('../../acme/private-key.ts');
  const operatorSettings = await import('../../kubernetes/objects/operator-settings.ts');
  const { ACCOUNT_KEY_ENTRY, ACCOUNT_SECRET, ACCOUNT_URL_ENTRY } = operatorSettings;
  const { directory, email, agreeTos, caBundle, apply } = options;
  const directoryUrl = DIRECTORIES[directory] ?? directory;
  if (!URL.canParse(directoryUrl) || new URL(directoryUrl).protocol !== 'https:')
    throw wrongOption('--directory', directory, `an https URL or ${DIRECTORY_NAMES}`);
  if (email !== undefined && !/^[^\s@]+@[^\s@]+$/.test(email)) throw wrongOption('--email', email, 'an e-mail address');
  const keyType = KEY_TYPES.find((type) => type === options.keyType);
  if (keyType === undefined) throw wrongOption('--key-type', options.keyType, KEY_TYPES.join(', '));
  const bundle = caBundle === undefined ? {} : { CERTMAN_ACME_CA_BUNDLE: caBundle };
  const { namespace, acmeCaBundle } = loadSettings({ ...process.env, ...bundle }, ['namespace', 'acmeCaBundle']);
  if (agreeTos !== true) {
    throw new UsageError(
      `An account requires agreement to the terms of service of ${new URL(directoryUrl).host}: add --agree-tos`,
    );
  }
  const createSecret = async () => {
    const privateKeyPem = await generatePrivateKey(keyType);
    const contacts = email === undefined ? undefined : [email];
    const accountUrl = await register({ directoryUrl, privateKeyPem, contacts }, acmeCaBundle);
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

function wrongOption(option: string, found: string, expected: string): UsageError {
  return new UsageError(`${option} is "${found.slice(0, 200)}"; expected ${expected}`);
}

async function register(account: AccountRegistration, caBundlePem: string | undefined): Promise<string> {
  const { registerAccount } = await import('../../acme/register-account.ts');
  const { AcmeTransport } = await import('../../acme/transport.ts');
  const { VERSION } = await import('../../version.ts');
  const transport = new AcmeTransport({ userAgent: `certman/${VERSION}`, caBundlePem });
  try {
    return await registerAccount(transport, account);
  } finally {
    await transport.close();
  }
}

/** Never overwrites: only its key can revoke an account's certificates. Checks first, to leave no unused account. */
async function storeSecret(namespace: string, createSecret: () => Promise<KubernetesObject>): Promise<void> {
  const { ACCOUNT_SECRET: name } = await import('../../kubernetes/objects/operator-settings.ts');
  const { SECRETS } = await import('../../kubernetes/objects/resources.ts');
  const { withKubernetes } = await import('../kubernetes-client.ts');
  const secret = `${namespace}/${name}`;
  await withKubernetes(async (kubernetes) => {
    const existing = await kubernetes.get(SECRETS, { namespace, name });
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
