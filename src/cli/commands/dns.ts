import { Command } from 'commander';
import type { SweepOptions } from '../dns/sweep.ts';
import { examples } from '../examples.ts';
import { addConnectionOptions, addOutputOptions } from '../kubectl-options.ts';
import { commandLine } from '../program-name.ts';

/** `certman dns`: what certman has written to DNS. */
export function dnsCommand(): Command {
  return new Command('dns')
    .summary('look after the TXT records of challenges')
    .description('The TXT records that certman writes to the zones of clusters and to the challenge zone.')
    .addCommand(sweep());
}

function sweep(): Command {
  const command = new Command('sweep')
    .summary('remove TXT records that a crash left behind')
    .description(
      'Searches zones for TXT records that certman wrote and that no order can need any more, and removes them. Everything else stays. Without --zone: the zones of all clusters and the challenge zone, which a worker sweeps once a day as well.\n' +
        'Uses the kubeconfig, the settings of the worker, and the account and credentials on the management cluster, at one request per second.',
    )
    .option('--zone <name>', 'only this zone, such as a challenge zone that the settings no longer name')
    .option('--zone-id <id>', 'id of the hosted zone of --zone (default: found by its name)')
    .option(
      '--credentials-secret <name>',
      "Secret in certman's namespace with the credentials of --zone (default: CERTMAN_CHALLENGE_ZONE_SECRET)",
    )
    .option('--dry-run', 'show what would be removed');
  addConnectionOptions(command);
  addOutputOptions(command);
  return command
    .addHelpText(
      'after',
      examples(
        commandLine('dns sweep --dry-run'),
        commandLine('dns sweep --zone acme-old.example.net --credentials-secret acme-old-credentials'),
      ),
    )
    .action(async (options: SweepOptions) => {
      const { sweepDns } = await import('../dns/sweep.ts');
      await sweepDns(options);
    });
}
