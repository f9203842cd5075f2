import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { loadSettings } from '../../configuration/load-configuration.ts';
import { CertmanError } from '../../failures/failure.ts';
import { CLUSTER_ARGUMENT, type ClusterName, parseClusterName } from '../arguments.ts';
import { note, print } from '../output.ts';
import { type ClusterReport, type FleetReport, formatCluster, formatFleet } from '../status/status-view.ts';

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
        print(process.stdout.isTTY ? `\u001b[2J\u001b[H${shown}` : shown);
        await sleep(WATCH_INTERVAL_MS);
      }
    });
}

async function show(cluster: ClusterName | undefined, options: StatusOptions): Promise<string> {
  if (cluster === undefined) {
    const report = await fleetReport(options);
    return options.json === true ? JSON.stringify(report) : formatFleet(report);
  }
  const report = await clusterReport(cluster, options);
  return options.json === true ? JSON.stringify(report) : formatCluster(report);
}

async function fleetReport(options: StatusOptions): Promise<FleetReport> {
  const { managementCluster } = loadSettings(process.env, ['managementCluster']);
  const { fleetFromTemporal } = await import('../status/from-temporal.ts');
  const { fleetFromKubernetes } = await import('../status/from-kubernetes.ts');
  const { withKubernetes } = await import('../kubernetes-client.ts');
  const { withTemporal } = await import('../temporal-client.ts');
  return await temporalElseKubernetes(
    options,
    () => withTemporal((client) => fleetFromTemporal(client, managementCluster)),
    () => withKubernetes((kubernetes) => fleetFromKubernetes(kubernetes)),
  );
}

async function clusterReport(name: ClusterName, options: StatusOptions): Promise<ClusterReport> {
  const settings = loadSettings(process.env, ['managementCluster', 'extraRecord']);
  const { managementCluster } = settings;
  const { clusterFromTemporal } = await import('../status/from-temporal.ts');
  const { clusterFromKubernetes } = await import('../status/from-kubernetes.ts');
  const { withKubernetes } = await import('../kubernetes-client.ts');
  const { withTemporal } = await import('../temporal-client.ts');
  const report = await temporalElseKubernetes(
    options,
    () => withTemporal((client) => clusterFromTemporal(client, managementCluster, name)),
    () => withKubernetes((kubernetes) => clusterFromKubernetes(kubernetes, settings, name)),
  );
  if (report !== undefined) return report;
  throw new CertmanError({
    code: 'kubernetes/notFound',
    message: `There is no ClusterDeployment or CertificateRequest ${name.namespace}/${name.name} on this management cluster.`,
    remedy: 'List those that are served with "certman status".',
  });
}

async function temporalElseKubernetes<Report>(
  options: StatusOptions,
  fromTemporal: () => Promise<Report>,
  fromKubernetes: () => Promise<Report>,
): Promise<Report> {
  if (options.kubernetes === true) return await fromKubernetes();
  try {
    return (await fromTemporal()) ?? (await fromKubernetes());
  } catch (error) {
    const { isUnavailable } = await import('../temporal-client.ts');
    if (!isUnavailable(error)) throw error;
    const message = error instanceof Error ? error.message : 'Temporal does not respond.';
    note(`${message} Showing the resources of the management cluster.`);
    return await fromKubernetes();
  }
}
