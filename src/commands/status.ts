/** `certman status`: where is this certificate, why, and what happens next. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { loadSettings, loadTemporal } from '../config.ts';
import { CertmanError } from '../failures/failure.ts';
import type { KubernetesClient } from '../kubernetes/client.ts';
import { TemporalAway, withTemporal } from './clients.ts';
import { CLUSTER_ARGUMENT, type ClusterName, parseClusterName } from './cluster-argument.ts';
import { note, print } from './output.ts';
import type { ClusterReport, FleetReport } from './status/status-view.ts';

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
  const { clusterAsText, fleetAsText } = await import('./status/status-view.ts');
  if (name === undefined) {
    const report = await wholeFleet(options);
    return options.json === true ? JSON.stringify(report) : fleetAsText(report);
  }
  const report = await oneCluster(name, options);
  return options.json === true ? JSON.stringify(report) : clusterAsText(report);
}

async function wholeFleet(options: StatusOptions): Promise<FleetReport> {
  const { hive } = loadSettings(process.env, ['hive']);
  const { fleetFromTemporal } = await import('./status/from-temporal.ts');
  const { fleetFromKubernetes } = await import('./status/from-kubernetes.ts');
  return await firstOf(
    options,
    () => withTemporal(loadTemporal(process.env), (client) => fleetFromTemporal(client, hive)),
    () => withKubernetes((kubernetes) => fleetFromKubernetes(kubernetes)),
  );
}

async function oneCluster(name: ClusterName, options: StatusOptions): Promise<ClusterReport> {
  const { hive, extraRecord } = loadSettings(process.env, ['hive', 'extraRecord']);
  const settings = { hive, ...(extraRecord === undefined ? {} : { extraRecord }) };
  const { clusterFromTemporal } = await import('./status/from-temporal.ts');
  const { clusterFromKubernetes } = await import('./status/from-kubernetes.ts');
  const report = await firstOf(
    options,
    () => withTemporal(loadTemporal(process.env), (client) => clusterFromTemporal(client, hive, name)),
    () => withKubernetes((kubernetes) => clusterFromKubernetes(kubernetes, settings, name)),
  );
  if (report !== undefined) return report;
  throw new CertmanError({
    code: 'kubernetes/notFound',
    message: `There is neither a ClusterDeployment nor a CertificateRequest ${name.namespace}/${name.name} on this hub.`,
    next: 'See those that are served with "certman status".',
  });
}

/** The workflows' answer; the hub's when they cannot answer or have nothing to say. */
async function firstOf<Report>(
  options: StatusOptions,
  workflows: () => Promise<Report>,
  hub: () => Promise<Report>,
): Promise<Report> {
  if (options.kubernetes === true) return await hub();
  const { isAway } = await import('./away.ts');
  try {
    const report = await workflows();
    return report === undefined ? await hub() : report;
  } catch (error) {
    if (!(error instanceof TemporalAway) && !isAway(error)) throw error;
    note(
      `${error instanceof Error ? error.message : 'Temporal does not answer.'} Showing what the hub's resources say.`,
    );
    return await hub();
  }
}

async function withKubernetes<Result>(work: (kubernetes: KubernetesClient) => Promise<Result>): Promise<Result> {
  const { createKubernetesApi } = await import('../kubernetes/client.ts');
  const { loadKubeConfig } = await import('../kubernetes/kube-config.ts');
  const kubernetes = createKubernetesApi({ kubeConfig: loadKubeConfig() });
  try {
    return await work(kubernetes);
  } finally {
    await kubernetes.close();
  }
}
