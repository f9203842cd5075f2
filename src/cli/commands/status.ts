import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { CLUSTER_ARGUMENT, type ClusterName, parseNamespace, resolveClusterName, UsageError } from '../arguments.ts';
import { addOutputOptions, addSelectionOptions, type SelectionOptions } from '../kubectl-options.ts';
import { clearTerminal, formatOutput, type OutputOptions, print } from '../output.ts';
import { commandLine } from '../program-name.ts';
import { formatCluster, formatFleet } from '../status/status-view.ts';

const WATCH_INTERVAL_MS = 2_000;

interface StatusOptions extends SelectionOptions, OutputOptions {
  readonly watch?: true;
  readonly kubernetes?: true;
}

/** `certman status`: where each certificate is, why, and what happens next. */
export function statusCommand(): Command {
  const command = new Command('status')
    .summary('show where certificates are, why, and what happens next')
    .description(
      'Without a name: every cluster and standalone CertificateRequest that is served, in all namespaces, most urgent first. With one: each of its certificates.\n' +
        'Queries the workflows. When Temporal or the worker is unavailable, or the cluster has no workflow, reads the resources of the management cluster.',
    )
    .argument('[cluster]', CLUSTER_ARGUMENT);
  addSelectionOptions(command);
  addOutputOptions(command, ['table', 'wide']);
  return command
    .option('-w, --watch', 'print again every two seconds until interrupted')
    .option('--kubernetes', 'read the resources of the management cluster only')
    .addHelpText(
      'after',
      `\nExamples:\n  ${commandLine('status')}\n  ${commandLine('status -l team=payments -o wide')}\n  ${commandLine('status demo -n uhc-production-1 --watch')}`,
    )
    .action(async (text: string | undefined, options: StatusOptions) => {
      const cluster = text === undefined ? undefined : await oneCluster(text, options);
      if (options.watch !== true) return print(await show(cluster, options));
      for (;;) {
        const shown = await show(cluster, options);
        clearTerminal();
        print(shown);
        await sleep(WATCH_INTERVAL_MS);
      }
    });
}

async function oneCluster(text: string, options: StatusOptions): Promise<ClusterName> {
  if (options.allNamespaces === true || options.selector !== undefined)
    throw new UsageError('a cluster by its name and a selection of clusters (-A, -l) exclude each other');
  return await resolveClusterName(text, options);
}

async function show(cluster: ClusterName | undefined, options: StatusOptions): Promise<string> {
  const { readCluster, readFleet } = await import('../status/read-status.ts');
  if (cluster !== undefined) return await formatOutput(options, await readCluster(cluster, options), formatCluster);
  const { namespace, selector, allNamespaces } = options;
  const isNamespaced = namespace !== undefined && allNamespaces !== true;
  const selection = { namespace: isNamespaced ? parseNamespace(namespace) : undefined, selector };
  return await formatOutput(options, await readFleet(selection, options), formatFleet);
}
