import { Command } from 'commander';
import { CLUSTER_ARGUMENT, resolveClusterName } from '../arguments.ts';
import { examples } from '../examples.ts';
import { addNamespaceOptions, addOutputOptions, type NamespaceOptions } from '../kubectl-options.ts';
import { formatOutput, type OutputOptions, print } from '../output.ts';
import { commandLine } from '../program-name.ts';

/** `certman history`: every certificate that a cluster had, why, and by whom. */
export function historyCommand(): Command {
  const command = new Command('history')
    .summary('list the certificates that a cluster had, why, and by whom')
    .description(
      'Lists every certificate of a cluster or standalone CertificateRequest, newest first: serial, issuer, dates, why it was ordered, by whom, and what became of it. Also of a deleted one.\n' +
        'Reads the orders in Temporal, which keeps them for the retention of its namespace, and what the workflow records beside. Who asked for a renewal is what their client said of itself.',
    )
    .argument('<cluster>', CLUSTER_ARGUMENT);
  addNamespaceOptions(command);
  addOutputOptions(command, ['table', 'wide']);
  return command
    .addHelpText('after', examples(commandLine('history demo -n uhc-production-1 -o wide')))
    .action(async (text: string, options: NamespaceOptions & OutputOptions) => {
      const name = await resolveClusterName(text, options);
      const [{ readHistory }, { formatHistory }] = await Promise.all([
        import('../history/read-history.ts'),
        import('../history/history-text.ts'),
      ]);
      print(await formatOutput(options, await readHistory(name, options), formatHistory));
    });
}
