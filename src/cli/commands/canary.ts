import { Command } from 'commander';
import type { DecideOptions } from '../canary/decide.ts';
import { examples } from '../examples.ts';
import { addConnectionOptions, addOutputOptions, type KubeConnection } from '../kubectl-options.ts';
import { formatOutput, type OutputOptions, print } from '../output.ts';
import { commandLine } from '../program-name.ts';

const ISSUER_ARGUMENT = 'name or id of the issuer, as certman canary lists them';

/** `certman canary`: the issuers of the management cluster, and those that are new. */
export function canaryCommand(): Command {
  const command = new Command('canary')
    .summary('show new issuers that are on a few clusters first; accept or refuse one')
    .description(
      'The issuers of the certificates of this management cluster. With CERTMAN_CANARY_CLUSTERS, the first certificates of a new issuer or root are installed on a few clusters; the others keep theirs for CERTMAN_CANARY_PERIOD, or until a person accepts or refuses the issuer.',
    )
    .addCommand(decideCommand('accept'))
    .addCommand(decideCommand('refuse'));
  addConnectionOptions(command);
  return addOutputOptions(command)
    .addHelpText(
      'after',
      examples(
        commandLine('canary'),
        commandLine('canary accept "YE2 (ISRG Root X2)"'),
        commandLine('canary refuse 3f2a1b0c9d8e7f60 --reason "payments clients pin YE1"'),
      ),
    )
    .action(async (options: KubeConnection & OutputOptions) => {
      const { readIssuers } = await import('../canary/read-issuers.ts');
      const { issuersText } = await import('../canary/issuers-text.ts');
      const issuers = await readIssuers(options);
      print(await formatOutput(options, { issuers }, () => issuersText(issuers)));
    });
}

function decideCommand(decision: 'accept' | 'refuse'): Command {
  const command = new Command(decision)
    .summary(
      decision === 'accept'
        ? 'have it installed everywhere'
        : 'have it installed nowhere else; certificates in use stay',
    )
    .description(
      decision === 'accept'
        ? 'Ends the canary of an issuer, or its refusal: certificates that wait are installed, within a minute.'
        : 'Stops an issuer: its certificates replace no valid one on another cluster, until that nears its expiry. Those that have one keep it; replace them with certman renew once the CA issues from another one.',
    )
    .argument('<issuer>', ISSUER_ARGUMENT)
    .option('--reason <text>', 'why, for others: at most 400 characters')
    .option('--yes', 'do not ask')
    .option('--dry-run', 'show what would be done, and do nothing');
  addConnectionOptions(command);
  return addOutputOptions(command).action(async (issuer: string, options: DecideOptions) => {
    const { decide } = await import('../canary/decide.ts');
    await decide(issuer, decision, options);
  });
}
