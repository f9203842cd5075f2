import { Command } from 'commander';
import { CLUSTER_ARGUMENT, type ClusterName, parseNamespace, resolveClusterName, UsageError } from '../arguments.ts';
import { examples } from '../examples.ts';
import { addOutputOptions, addSelectionOptions, type SelectionOptions } from '../kubectl-options.ts';
import { formatOutput, note, type OutputOptions, print } from '../output.ts';
import { commandLine } from '../program-name.ts';
import { MAX_WHOLE_TABLE, withoutThoseAtRest } from '../status/attention.ts';
import { type FleetReport, formatCluster, formatFleet, sourceText } from '../status/status-view.ts';

interface StatusOptions extends SelectionOptions, OutputOptions {
  readonly watch?: true;
  readonly kubernetes?: true;
  readonly all?: true;
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
    .option(
      '-w, --watch',
      'until ^C: redraw every two seconds on a terminal, else print what changes, a line or a document each',
    )
    .option('--kubernetes', 'read the resources of the management cluster only')
    .option(
      '--all',
      `in the table on a terminal, also clusters that need no attention, which it leaves out where there are more than ${MAX_WHOLE_TABLE}`,
    )
    .addHelpText(
      'after',
      examples(
        commandLine('status'),
        commandLine('status -l team=payments -o wide'),
        commandLine('status demo -n uhc-production-1 --watch'),
      ),
    )
    .action(async (text: string | undefined, options: StatusOptions) => {
      const cluster = text === undefined ? undefined : await oneCluster(text, options);
      await (cluster === undefined ? showFleet(options) : showCluster(cluster, options));
    });
}

async function oneCluster(text: string, options: StatusOptions): Promise<ClusterName> {
  if (options.allNamespaces === true || options.selector !== undefined)
    throw new UsageError('a cluster by its name and a selection of clusters (-A, -l) exclude each other');
  return await resolveClusterName(text, options);
}

async function showCluster(cluster: ClusterName, options: StatusOptions): Promise<void> {
  const { readCluster } = await import('../status/read-status.ts');
  const read = () => readCluster(cluster, options);
  if (options.watch !== true) return print(await formatOutput(options, noted(await read()), formatCluster));
  const [{ reportStream }, { watchUntilInterrupted }, { isPassing }] = await importWatch();
  const stream = () => reportStream(options, formatCluster);
  await watchUntilInterrupted({ read, isPassing }, options, withSource(formatCluster), stream);
}

async function showFleet(options: StatusOptions): Promise<void> {
  const { readFleet } = await import('../status/read-status.ts');
  const { namespace, selector, allNamespaces } = options;
  const isNamespaced = namespace !== undefined && allNamespaces !== true;
  const selection = { namespace: isNamespaced ? parseNamespace(namespace) : undefined, selector };
  const isShort = isShortTable(options);
  const read = async () => {
    const report = await readFleet(selection, options, isShort ? 'counted' : 'listed');
    return isShort ? withoutThoseAtRest(report, Date.now()) : report;
  };
  if (options.watch !== true) return print(await formatOutput(options, noted(await read()), formatFleet));
  const [, { watchUntilInterrupted }, { isPassing }] = await importWatch();
  const { fleetStream } = await import('../status/fleet-stream.ts');
  const format = withSource((report: FleetReport) => formatFleet(report, options.output === 'wide'));
  await watchUntilInterrupted({ read, isPassing }, options, format, () => fleetStream(options));
}

/** People read a table on a terminal; what reads a pipe gets every cluster. */
function isShortTable({ all, json, output = 'table' }: StatusOptions): boolean {
  return process.stdout.isTTY && all !== true && json !== true && output === 'table';
}

function importWatch() {
  return Promise.all([
    import('../watch/views.ts'),
    import('../watch/watch-until-interrupted.ts'),
    import('../temporal-client.ts'),
  ]);
}

/** Says where a report is from, if not from Temporal. */
function noted<Report extends { readonly unavailable?: string }>(report: Report): Report {
  const text = sourceText(report);
  if (text !== undefined) note(text);
  return report;
}

/** The same above what is redrawn. */
function withSource<Report extends { readonly unavailable?: string }>(format: (report: Report) => string) {
  return (report: Report): string => [sourceText(report) ?? [], format(report)].flat().join('\n');
}
