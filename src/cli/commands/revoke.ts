import { Command, Option } from 'commander';
import { CRL_REASONS } from '../../certificates/crl-reason.ts';
import { CLUSTER_ARGUMENT, type ClusterName, resolveClusterName, UsageError } from '../arguments.ts';
import { examples } from '../examples.ts';
import { addNamespaceOptions, addOutputOptions, addTimeoutOption, type NamespaceOptions } from '../kubectl-options.ts';
import { formatOutput, type OutputOptions, print } from '../output.ts';
import { commandLine } from '../program-name.ts';
import type { RevokeOptions } from '../revoke/revoke.ts';
import type { TimeBound } from '../time-bound.ts';

/** `certman revoke`: one certificate; campaigns do many. */
export function revokeCommand(): Command {
  const command = new Command('revoke')
    .summary('revoke one certificate')
    .description(
      'Has the CA revoke one certificate of a cluster or a standalone CertificateRequest: the one in use, or that with --serial. One in use is replaced first, and revoked when Hive has had time to bring the new one to the cluster; with --now it is revoked at once, and replaced then.\n' +
        'Waits until it is revoked, or replaced with the revocation scheduled. The workflow of the cluster goes on when this command is interrupted. For many certificates: campaign start replace.',
    )
    .argument('[cluster]', `${CLUSTER_ARGUMENT}; not needed with the --serial of a certificate in use`);
  addNamespaceOptions(command);
  addOutputOptions(command);
  addTimeoutOption(command);
  return command
    .option('--bundle <name>', 'of this certificate bundle, where the cluster has several')
    .option('--serial <number>', 'this certificate, in decimal or hexadecimal (with a letter, a colon or 0x)')
    .addOption(
      new Option('--reason <reason>', 'why, as the CRL of the CA says it (RFC 5280)')
        .choices(Object.keys(CRL_REASONS))
        .makeOptionMandatory(),
    )
    .option('--now', 'also one in use at once: clients may refuse it until its replacement is on the cluster')
    .option('--revoke-after <duration>', 'after the replacement (default: 3h; for keyCompromise 0s)')
    .option('--no-wait', 'return once it is requested')
    .option('--yes', 'do not ask')
    .option('--dry-run', 'show what would be revoked, and do nothing')
    .addHelpText(
      'after',
      examples(
        commandLine('revoke demo -n uhc-production-1 --reason superseded --dry-run'),
        commandLine('revoke --serial 04:9f:… --reason keyCompromise --now'),
      ),
    )
    .action(async (text: string | undefined, options: NamespaceOptions & RevokeOptions & OutputOptions) => {
      if (options.now === true && options.revokeAfter !== undefined)
        throw new UsageError('--revoke-after is for a certificate that is replaced first; --now revokes it at once');
      const { revokeOne } = await import('../revoke/revoke.ts');
      const result = await revokeOne((bound) => clusterOf(text, options, bound), options);
      print(await formatOutput(options, result, ({ message }) => message));
    });
}

async function clusterOf(
  text: string | undefined,
  options: NamespaceOptions & RevokeOptions,
  bound: TimeBound,
): Promise<ClusterName> {
  if (text !== undefined) return await resolveClusterName(text, options);
  if (options.serial === undefined) throw new UsageError('no certificate is named; expected a cluster, or --serial');
  const { clusterOfSerial } = await import('../revoke/find-by-serial.ts');
  return await clusterOfSerial(options.serial, options, bound);
}
