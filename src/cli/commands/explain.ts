import { Command } from 'commander';
import { CLUSTER_ARGUMENT, type ClusterName, resolveClusterName } from '../arguments.ts';
import { examples } from '../examples.ts';
import type { Explanation } from '../explain/explanation.ts';
import { addNamespaceOptions, addOutputOptions, type NamespaceOptions } from '../kubectl-options.ts';
import { formatOutput, type OutputOptions, print } from '../output.ts';
import { commandLine } from '../program-name.ts';

interface ExplainOptions extends NamespaceOptions, OutputOptions {
  readonly kubernetes?: true;
}

/** `certman explain`: where a certificate is, why, since when, what happens next, what can be done. */
export function explainCommand(): Command {
  const command = new Command('explain')
    .summary('explain where a certificate is, why, what happens next, and what you can do')
    .description(
      'Explains each certificate of a cluster or standalone CertificateRequest: where it is, why, since when, what happens next at which instant, and what you can do, with the commands to type.\n' +
        'Queries the workflow. When Temporal or the worker is unavailable, or there is no workflow, reads the resources. Of a deleted cluster, says what its decommission did; of a name that nothing has, what was looked for where.',
    )
    .argument('<cluster>', CLUSTER_ARGUMENT);
  addNamespaceOptions(command);
  addOutputOptions(command);
  return command
    .option('--kubernetes', 'read the resources of the management cluster only')
    .addHelpText('after', examples(commandLine('explain demo -n uhc-production-1')))
    .action(async (text: string, options: ExplainOptions) => {
      const name = await resolveClusterName(text, options);
      const [{ findCluster }, { explain }, { formatExplanation }] = await Promise.all([
        import('../status/read-status.ts'),
        import('../explain/explanation.ts'),
        import('../explain/explanation-text.ts'),
      ]);
      const report = await findCluster(name, options);
      const explanation = report === undefined ? await explainAbsentCluster(name, options) : explain(report);
      print(await formatOutput(options, explanation, formatExplanation));
    });
}

async function explainAbsentCluster(name: ClusterName, options: ExplainOptions): Promise<Explanation> {
  const { explainAbsent } = await import('../explain/absent.ts');
  return await explainAbsent(name, options);
}
