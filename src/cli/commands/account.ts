import { Command, Option } from 'commander';
import type { CreateOptions } from '../account/create.ts';
import type { RolloverOptions } from '../account/roll-over-command.ts';
import type { ShowOptions } from '../account/show.ts';
import type { UpdateContactOptions } from '../account/update-contact.ts';
import { examples } from '../examples.ts';
import { addConnectionOptions, addOutputOptions } from '../kubectl-options.ts';
import { commandLine } from '../program-name.ts';

/** `certman account`: the ACME accounts that the worker orders with. */
export function accountCommand(): Command {
  return new Command('account')
    .summary('create, show and change the ACME accounts')
    .description(
      'The ACME account in the Secret lets-encrypt-account, which every worker of a management cluster orders with.\n' +
        'All but create read that Secret, by the kubeconfig, and use CERTMAN_NAMESPACE, CERTMAN_ACME_DIRECTORY_URL and CERTMAN_ACME_CA_BUNDLE as the worker does. With --secret, they are about an account of CERTMAN_FALLBACK_ACCOUNTS or CERTMAN_STAGING_ACCOUNT.',
    )
    .addCommand(create())
    .addCommand(show())
    .addCommand(updateContact())
    .addCommand(rollover());
}

function create(): Command {
  return addOutputOptions(addConnectionOptions(new Command('create')), [])
    .alias('register')
    .summary('register an ACME account')
    .description(
      'Registers a new account with an ACME CA and prints the Secret that the worker reads (for kubectl apply), or creates it.\n' +
        'The private key is generated here and appears in that Secret only.',
    )
    .requiredOption('--directory <url>', 'ACME directory: a URL, letsencrypt or letsencrypt-staging')
    .option('--email <address>', 'contact address, for CAs that use one')
    .option('--agree-tos', "agree to the CA's terms of service; without it, the command shows where they are")
    .option(
      '--eab-secret <name>',
      "Secret in certman's namespace with key-id and hmac-key, for a CA with external account binding",
    )
    .option('--key-type <type>', 'p-256, p-384 or rsa-2048', 'p-256')
    .option(
      '--ca-bundle <file>',
      "PEM file of the CA certificates that the CA's server is verified with (default: CERTMAN_ACME_CA_BUNDLE)",
    )
    .option(
      '--secret <name>',
      'the Secret: another one for an account of CERTMAN_FALLBACK_ACCOUNTS or CERTMAN_STAGING_ACCOUNT',
      'lets-encrypt-account',
    )
    .option(
      '--apply',
      'create the Secret on the management cluster instead of printing it: the key is stored before the CA is asked, so that no account is lost when the command is interrupted',
    )
    .addHelpText(
      'after',
      examples(
        commandLine(
          'account create --directory letsencrypt-staging --email ops@example.com --agree-tos | kubectl apply -f -',
        ),
      ),
    )
    .action(async (options: CreateOptions) => {
      const { createAccount } = await import('../account/create.ts');
      await createAccount(options);
    });
}

function show(): Command {
  return addOutputOptions(addConnectionOptions(new Command('show')))
    .summary('show the account as the CA has it')
    .description(
      'Shows the account: its CA, status, contacts and key, and whether a rollover of the key is unfinished.',
    )
    .addOption(secretOption())
    .action(async (options: ShowOptions) => {
      const { showAccount } = await import('../account/show.ts');
      await showAccount(options);
    });
}

function updateContact(): Command {
  return addOutputOptions(addConnectionOptions(new Command('update-contact')))
    .summary('change the contact address at the CA')
    .description(
      'Sets the contact address of the account at the CA, unless it is that already.\n' +
        'Without --email: the notification address in the ConfigMap certman-operator.',
    )
    .addOption(secretOption())
    .addOption(new Option('--email <address>', 'contact address').conflicts('remove'))
    .option('--remove', 'have the CA keep no contact')
    .option('--dry-run', 'show what would change')
    .addHelpText('after', examples(commandLine('account update-contact --email ops@example.com')))
    .action(async (options: UpdateContactOptions) => {
      const { updateAccountContact } = await import('../account/update-contact.ts');
      await updateAccountContact(options);
    });
}

function rollover(): Command {
  return addOutputOptions(addConnectionOptions(new Command('rollover')))
    .summary('replace the account key')
    .description(
      'Replaces the key of the account at the CA and in the Secret. Orders in progress, certificates and the account stay.\n' +
        'The next key is stored in the Secret before the CA is asked. When the command is interrupted, run it again: it finds out which key the CA knows, and completes the rollover.',
    )
    .addOption(secretOption())
    .option('--key-type <type>', 'p-256, p-384 or rsa-2048', 'p-256')
    .option('--yes', 'replace the key: the CA refuses the present one afterwards, and all copies of it')
    .option('--dry-run', 'show what would be done')
    .addHelpText('after', examples(commandLine('account rollover --dry-run'), commandLine('account rollover --yes')))
    .action(async (options: RolloverOptions) => {
      const { rollOverAccount } = await import('../account/roll-over-command.ts');
      await rollOverAccount(options);
    });
}

/** Which account. */
function secretOption(): Option {
  return new Option(
    '--secret <name>',
    'the Secret of the account: another one for an account of CERTMAN_FALLBACK_ACCOUNTS or CERTMAN_STAGING_ACCOUNT',
  ).default('lets-encrypt-account');
}
