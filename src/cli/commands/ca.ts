import { Command } from 'commander';
import type { CaCheckOptions } from '../ca/check.ts';
import { examples } from '../examples.ts';
import { addOutputOptions, addSelectionOptions } from '../kubectl-options.ts';
import { commandLine } from '../program-name.ts';

/** `certman ca`: the CAs that certificates are ordered from. */
export function caCommand(): Command {
  return new Command('ca')
    .summary('check the CAs that certificates are ordered from')
    .description(
      'The CAs that certificates are ordered from: the first one, and those of CERTMAN_FALLBACK_ACCOUNTS; and the one of CERTMAN_STAGING_ACCOUNT, which proves orders.',
    )
    .addCommand(check());
}

function check(): Command {
  const command = new Command('check')
    .summary('check each CA, and for which clusters it may issue')
    .description(
      'Checks the account of Secret lets-encrypt-account, those of CERTMAN_FALLBACK_ACCOUNTS in their order, and that of CERTMAN_STAGING_ACCOUNT: directory, account, profile, renewal information.\n' +
        'Then, for every cluster and standalone CertificateRequest that is served, whether CAA records (with accounturi and validationmethods) and DNSSEC let each CA issue, by the resolvers of CERTMAN_DOH_RESOLVERS.\n' +
        'Places no order. Exit code 1 when a CA cannot be used, or may not issue for all clusters.',
    );
  addSelectionOptions(command);
  addOutputOptions(command);
  return command
    .addHelpText('after', examples(commandLine('ca check'), commandLine('ca check --selector region=eu -o json')))
    .action(async (options: CaCheckOptions) => {
      const { checkCas } = await import('../ca/check.ts');
      await checkCas(options);
    });
}
