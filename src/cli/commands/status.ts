import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { CLUSTER_ARGUMENT, type ClusterName, parseClusterName } from '../arguments.ts';
import { clearTerminal, formatResult, print } from '../output.ts';
import { formatCluster, formatFleet } from '../status/status-view.ts';

const WATCH_INTERVAL_MS = 2_000;

interface StatusOptions {
  readonly json?: true;
  readonly watch?: true;
  readonly kubernetes?: true;
}

/** `certman status`: where each certificate is, why, and what happens next. */
export function statusCommand(): Command {
  return new Command('status')
    .summary('show where certificates are, why, and what happens next')
    .description(
      'Without an argument: every cluster and standalone CertificateRequest that is served, most urgent first. With one: each of its certificates.\n' +
        'Queries the workflows. When Temporal or the worker is unavailable, or the cluster has no workflow, reads the resources of the management cluster.',
    )
    .argument('[cluster]', CLUSTER_ARGUMENT)
    .option('--json', 'print JSON')
    .option('--watch', 'print again every two seconds until interrupted')
    .option('--kubernetes', 'read the resources of the management cluster only')
    .addHelpText('after', '\nExamples:\n  certman status\n  certman status uhc-production-1/demo --watch')
    .action(async (text: string | undefined, options: StatusOptions) => {
      const cluster = text === undefined ? undefined : parseClusterName(text);
      if (options.watch !== true) return print(await show(cluster, options));
      for (;;) {
        const shown = await show(cluster, options);
        clearTerminal();
        print(shown);
        await sleep(WATCH_INTERVAL_MS);
      }
    });
}

async function show(cluster: ClusterName | undefined, options: StatusOptions): Promise<string> {
  const { readCluster, readFleet } = await import('../status/read-status.ts');
  const resourcesOnly = options.kubernetes === true;
  if (cluster === undefined) return formatResult(options, await readFleet(resourcesOnly), formatFleet);
  return formatResult(options, await readCluster(cluster, resourcesOnly), formatCluster);
}
