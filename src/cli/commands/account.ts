import { Command } from 'commander';
import { loadSettings } from '../../configuration/load-configuration.ts';
import { CertmanError } from '../../failures/failure.ts';
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
  const directoryUrl = DIRECTORIES[options.directory] ?? options.directory;
  if (!URL.canParse(directoryUrl) || new URL(directoryUrl).protocol !== 'https:') {
    throw new UsageError(
      `--directory is "${options.directory.slice(0, 200)}"; expected an https URL or ${DIRECTORY_NAMES}`,
    );
  }
  if (options.email !== undefined && !/^[^\s@]+@[^\s@]+$/.test(options.email)) {
    throw new UsageError(`--email is "${options.email.slice(0, 200)}"; expected an e-mail address`);
  }
  const { KEY_TYPES, generatePrivateKey } = await import('../../acme/private-key.ts');
  const keyType = KEY_TYPES.find((type) => type === options.keyType);
  if (keyType === undefined) {
    throw new UsageError(`--key-type is "${options.keyType.slice(0, 200)}"; expected ${KEY_TYPES.join(', ')}`);
  }
  const bundle = options.caBundle === undefined ? {} : { CERTMAN_ACME_CA_BUNDLE: options.caBundle };
  const { namespace, acmeCaBundle } = loadSettings({ ...process.env, ...bundle }, ['namespace', 'acmeCaBundle']);
  if (options.agreeTos !== true) {
    throw new UsageError(
      `An account requires agreement to the terms of service of ${new URL(directoryUrl).host}: add --agree-tos`,
    );
  }
  const create = async (): Promise<StoredAccount> => {
    const privateKeyPem = await generatePrivateKey(keyType);
    const accountUrl = await register(directoryUrl, privateKeyPem, options.email, acmeCaBundle);
    note(`registered the account ${accountUrl}`);
    return { privateKeyPem, accountUrl };
  };
  if (options.apply === true) return await createSecret(namespace, create);
  const { dumpYaml } = await import('@kubernetes/client-node');
  print(dumpYaml(await accountSecret(namespace, await create())).trimEnd());
}

interface StoredAccount {
  readonly privateKeyPem: string;
  readonly accountUrl: string;
}

async function register(
  directoryUrl: string,
  privateKeyPem: string,
  email: string | undefined,
  caBundlePem: string | undefined,
): Promise<string> {
  const { registerAccount } = await import('../../acme/register-account.ts');
  const { AcmeTransport } = await import('../../acme/transport.ts');
  const { VERSION } = await import('../../version.ts');
  const transport = new AcmeTransport({ userAgent: `certman/${VERSION}`, caBundlePem });
  try {
    const contacts = email === undefined ? undefined : [email];
    return await registerAccount(transport, { directoryUrl, privateKeyPem, contacts });
  } finally {
    await transport.close();
  }
}

async function accountSecret(namespace: string, { privateKeyPem, accountUrl }: StoredAccount) {
  const { ACCOUNT_KEY_ENTRY, ACCOUNT_SECRET, ACCOUNT_URL_ENTRY } = await import(
    '../../kubernetes/objects/operator-settings.ts'
  );
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace, name: ACCOUNT_SECRET },
    type: 'Opaque',
    stringData: { [ACCOUNT_KEY_ENTRY]: privateKeyPem, [ACCOUNT_URL_ENTRY]: accountUrl },
  };
}

/** Never overwrites: only its key can revoke an account's certificates. Checks first, to leave no unused account. */
async function createSecret(namespace: string, registerAccount: () => Promise<StoredAccount>): Promise<void> {
  const { ACCOUNT_SECRET } = await import('../../kubernetes/objects/operator-settings.ts');
  const { SECRETS } = await import('../../kubernetes/objects/resources.ts');
  const { withKubernetes } = await import('../kubernetes-client.ts');
  const secret = `${namespace}/${ACCOUNT_SECRET}`;
  const conflict = (): CertmanError =>
    new CertmanError({
      code: 'kubernetes/conflict',
      message: `The Secret ${secret} exists already and was not changed.`,
      remedy:
        'Delete it first if its account is no longer needed: without its key, its certificates cannot be revoked.',
    });
  await withKubernetes(async (kubernetes) => {
    if ((await kubernetes.get(SECRETS, { namespace, name: ACCOUNT_SECRET })) !== undefined) throw conflict();
    const created = await kubernetes.create(SECRETS, await accountSecret(namespace, await registerAccount()));
    if (created === undefined) throw conflict();
  });
  print(`Secret ${secret} created. Certificates that wait for it are ordered now.`);
}
