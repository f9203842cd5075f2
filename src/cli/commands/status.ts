/** `certman status`: where is this certificate, why, and what happens next. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { loadSettings, loadTemporal } from '../../configuration/load-configuration.ts';
import { CertmanError } from '../../failures/failure.ts';
import type { KubernetesClient } from '../../kubernetes/api/client.ts';
import { CLUSTER_ARGUMENT, type ClusterName, parseClusterName } from '../cluster-argument.ts';
import { note, print } from '../output.ts';
import type { ClusterReport, FleetReport } from '../status/status-view.ts';
import { TemporalUnavailableError, withTemporal } from '../temporal-client.ts';

const WATCH_INTERVAL_MS = 2_000;

interface StatusOptions {
  readonly json?: true;
  readonly watch?: true;
  readonly kubernetes?: true;
}

export function statusCommand(): Command {
  return new Command('status')
    .summary('show where certificates are, why, and what happens next')
    .description(
      'Without a cluster: every cluster that is served, and every CertificateRequest that stands alone, the most urgent first. With one: each of its certificates.\n' +
        "Asks the workflows; when Temporal or the worker is away, or the cluster has no workflow, the hub's own resources.",
    )
    .argument('[cluster]', CLUSTER_ARGUMENT)
    .option('--json', 'print JSON')
    .option('--watch', 'show again every two seconds until interrupted')
    .option('--kubernetes', "ask the hub's resources only")
    .addHelpText('after', '\nExamples:\n  certman status\n  certman status uhc-production-1/demo --watch')
    .action(async (cluster: string | undefined, options: StatusOptions) => {
      const name = cluster === undefined ? undefined : parseClusterName(cluster);
      if (options.watch === true) await watch(name, options);
      else print(await show(name, options));
    });
}

async function watch(name: ClusterName | undefined, options: StatusOptions): Promise<never> {
  for (;;) {
    const text = await show(name, options);
    print(process.stdout.isTTY ? `\u001b[2J\u001b[H${text}` : text);
    await sleep(WATCH_INTERVAL_MS);
  }
}

async function show(name: ClusterName | undefined, options: StatusOptions): Promise<string> {
  const { formatCluster, formatFleet } = await import('../status/status-view.ts');
  if (name === undefined) {
    const report = await fleetReport(options);
    return options.json === true ? JSON.stringify(report) : formatFleet(report);
  }
  const report = await clusterReport(name, options);
  return options.json === true ? JSON.stringify(report) : formatCluster(report);
}

async function fleetReport(options: StatusOptions): Promise<FleetReport> {
  const { managementCluster } = loadSettings(process.env, ['managementCluster']);
  const { fleetFromTemporal } = await import('../status/from-temporal.ts');
  const { fleetFromKubernetes } = await import('../status/from-kubernetes.ts');
  return await temporalElseKubernetes(
    options,
    () => withTemporal(loadTemporal(process.env), (client) => fleetFromTemporal(client, managementCluster)),
    () => withKubernetes((kubernetes) => fleetFromKubernetes(kubernetes)),
  );
}

async function clusterReport(name: ClusterName, options: StatusOptions): Promise<ClusterReport> {
  const { managementCluster, extraRecord } = loadSettings(process.env, ['managementCluster', 'extraRecord']);
  const settings = { managementCluster, ...(extraRecord === undefined ? {} : { extraRecord }) };
  const { clusterFromTemporal } = await import('../status/from-temporal.ts');
  const { clusterFromKubernetes } = await import('../status/from-kubernetes.ts');
  const report = await temporalElseKubernetes(
    options,
    () => withTemporal(loadTemporal(process.env), (client) => clusterFromTemporal(client, managementCluster, name)),
    () => withKubernetes((kubernetes) => clusterFromKubernetes(kubernetes, settings, name)),
  );
  if (report !== undefined) return report;
  throw new CertmanError({
    code: 'kubernetes/notFound',
    message: `There is neither a ClusterDeployment nor a CertificateRequest ${name.namespace}/${name.name} on this hub.`,
    remedy: 'See those that are served with "certman status".',
  });
}

/** The workflows' answer; the hub's when they cannot answer or have nothing to say. */
async function temporalElseKubernetes<Report>(
  options: StatusOptions,
  workflows: () => Promise<Report>,
  hub: () => Promise<Report>,
): Promise<Report> {
  if (options.kubernetes === true) return await hub();
  const { isUnavailable } = await import('../unavailable.ts');
  try {
    const report = await workflows();
    return report === undefined ? await hub() : report;
  } catch (error) {
    if (!(error instanceof TemporalUnavailableError) && !isUnavailable(error)) throw error;
    note(
      `${error instanceof Error ? error.message : 'Temporal does not answer.'} Showing what the hub's resources say.`,
    );
    return await hub();
  }
}

async function withKubernetes<Result>(work: (kubernetes: KubernetesClient) => Promise<Result>): Promise<Result> {
  const { createKubernetesClient } = await import('../../kubernetes/api/client.ts');
  const { loadKubeConfig } = await import('../../kubernetes/api/kube-config.ts');
  const kubernetes = createKubernetesClient({ kubeConfig: loadKubeConfig() });
  try {
    return await work(kubernetes);
  } finally {
    await kubernetes.close();
  }
}
