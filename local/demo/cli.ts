/** `npm run demo`: issues a certificate on real local parts; with --once also renews and deletes it. */
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@temporalio/client';
import { Command, InvalidArgumentError, Option } from 'commander';
import pc from 'picocolors';
import { counted } from '../../src/failures/counted.ts';
import { KubernetesClient } from '../../src/kubernetes/api/client.ts';
import { loadKubeConfig } from '../../src/kubernetes/api/kube-config.ts';
import { connect } from '../../src/temporal/connect.ts';
import { executables } from '../stack/build/executables.ts';
import { onPath } from '../stack/build/locate-executable.ts';
import { ENVIRONMENT_FILE, environmentScript } from '../stack/commands/output.ts';
import { type ManagementCluster, prepareManagementCluster } from '../stack/management-cluster/management-cluster.ts';
import { createSampleClusters, type SampleCluster } from '../stack/management-cluster/sample-cluster.ts';
import { SERVING_ENVIRONMENT, type ServedClusters, serveClusters } from '../stack/serve-clusters.ts';
import { type RunningStack, STACK_TOOLS, startStack } from '../stack/stack.ts';
import { startWorker, type WorkerProcess } from '../stack/worker-process.ts';
import { expectStatusAtCa, waitForCertificate } from './checks.ts';
import { runLifecycle } from './lifecycle.ts';
import { formatCommands, nextCommands } from './next-commands.ts';
import { describeCertificate, printFirstIssuance, workflowUrl } from './output.ts';
import { print, progress, Steps } from './steps.ts';

interface Options {
  readonly clusters: number;
  readonly once: boolean;
  readonly keyType: string;
  readonly state: string;
}

const ZONE = 'demo.example.com';
const POLL_INTERVAL_MS = 500;

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 1000) throw new InvalidArgumentError('a number from 1 to 1000');
  return value;
}

const program = new Command('demo')
  .description('Runs certman on real local parts and issues the certificate of a sample cluster.')
  .option('--clusters <n>', 'number of sample clusters', count, 1)
  .option('--once', 'issue, renew and delete, check each step, and exit; code 0 when every check passes', false)
  .addOption(
    new Option('--key-type <type>', 'of the certificates').choices(['rsa-2048', 'p-256', 'p-384']).default('rsa-2048'),
  )
  .option('--state <folder>', 'folder for logs, kubeconfigs and endpoints', '.certman/demo')
  .addHelpText(
    'after',
    '\nThe first run downloads the local parts, or builds those that cannot be downloaded, and keeps them for later runs. An interrupted download or build continues in the next run.',
  )
  .parse();

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());

process.exitCode = await main(program.opts<Options>(), interrupted.signal);

async function main(options: Options, signal: AbortSignal): Promise<number> {
  const steps = new Steps();
  let stack: RunningStack | undefined;
  let worker: WorkerProcess | undefined;
  let client: Client | undefined;
  let served: ServedClusters | undefined;
  let zoneId = '';
  let exitCode = 0;
  try {
    const stateDir = resolve(options.state);
    print('A first certificate takes about 20 seconds once the local parts are installed.');
    await steps.run('local parts found or installed', undefined, () => executables(STACK_TOOLS, { progress, signal }));
    const running = await steps.run('local parts started', 5, () =>
      startStack({ stateDir, controllerManager: false, progress, signal }),
    );
    stack = running;
    const managementCluster = await steps.run(
      'management cluster prepared: zone, CRDs, rights, ACME account',
      3,
      async () => {
        ({ zoneId } = await running.createZone(ZONE));
        return await prepareManagementCluster(running);
      },
    );
    const work = await steps.run('worker started, with its own ServiceAccount', 4, () =>
      startWorker({ stack: running, managementCluster, environment: workerEnvironment(options), signal }),
    );
    worker = work;
    client = new Client({
      connection: await connect({ address: running.temporal.address }),
      namespace: running.temporal.namespace,
    });
    const kubernetes = new KubernetesClient(loadKubeConfig({ path: running.kubernetes.adminKubeconfig }));
    try {
      const clusters = await steps.run(
        `${counted(options.clusters, 'sample ClusterDeployment')} installed`,
        1 + options.clusters / 10,
        () => createSampleClusters(running, { count: options.clusters, zone: ZONE }),
      );
      served = await serveClusters(running, kubernetes, clusters, zoneId);
      const context = { stack: running, kubernetes, client, clusters, steps };
      if (options.once) {
        await runLifecycle(context);
      } else {
        await issueAndWait(context, managementCluster, work, signal);
      }
    } finally {
      await kubernetes.close();
    }
  } catch (error) {
    exitCode = signal.aborted ? 130 : 1;
    if (!signal.aborted) {
      print(`\n${pc.red('The demo failed:')} ${error instanceof Error ? error.message : String(error)}`);
      print(`Logs: ${resolve(options.state)}`);
    }
  } finally {
    await client?.connection.close();
    await served?.stop();
    await worker?.stop();
    await stack?.stop();
  }
  if (options.once && exitCode === 0)
    print('Every check passed. To keep it running, with five commands to try: npm run demo');
  print(steps.summary(exitCode === 0));
  return exitCode;
}

/** Settings of the commands: those of the worker, with an administrator's rights. */
function commandEnvironment(
  { kubernetes }: RunningStack,
  { environment }: ManagementCluster,
): Readonly<Record<string, string>> {
  return { ...environment, ...SERVING_ENVIRONMENT, KUBECONFIG: kubernetes.adminKubeconfig };
}

function workerEnvironment(options: Options): Record<string, string> {
  return {
    CERTMAN_KEY_TYPE: options.keyType,
    CERTMAN_EXTRA_RECORD: 'rh-api',
    ...SERVING_ENVIRONMENT,
    ...(options.once ? { CERTMAN_ACME_PROFILE: 'two-minutes' } : {}),
  };
}

async function issueAndWait(
  context: Parameters<typeof runLifecycle>[0],
  managementCluster: ManagementCluster,
  worker: WorkerProcess,
  signal: AbortSignal,
): Promise<void> {
  const { stack, kubernetes, clusters, steps } = context;
  const issued = `${clusters.length === 1 ? 'certificate' : 'certificates'} issued`;
  const installed = await steps.run(issued, 3 + clusters.length / 8, async () => {
    const all = Promise.all(
      clusters.map(async (cluster) => {
        const certificate = await waitForCertificate(kubernetes, cluster, undefined, 300 + clusters.length);
        await expectStatusAtCa(stack, certificate.serialNumber, 'Valid');
        return certificate;
      }),
    );
    const [certificates] = await Promise.all([all, printFirstIssuance(context, 1)]);
    return certificates;
  });
  print(describeCertificate(clusters[0], installed[0]));
  const [cluster] = clusters as readonly [SampleCluster];
  const at = `${cluster.namespace}/${cluster.name}`;
  const environmentFile = join(stack.stateDir, ENVIRONMENT_FILE);
  await writeFile(environmentFile, environmentScript({ environment: commandEnvironment(stack, managementCluster) }), {
    mode: 0o600,
  });
  print(
    [
      pc.bold('See'),
      `  Web UI      ${await workflowUrl(stack.temporal.uiUrl, kubernetes, cluster)}`,
      `  metrics     ${worker.metricsUrl}`,
      `  logs        ${stack.stateDir}`,
      pc.bold('Try in another terminal'),
      `  . ${environmentFile}`,
      ...formatCommands(nextCommands(at)),
      pc.bold('And'),
      `  npx certman status --watch     # the fleet, live`,
      `  kubectl wait --for=condition=Served certificaterequest/${cluster.requestName} -n ${cluster.namespace} --timeout=5m`,
      `  kubectl delete clusterdeployment ${cluster.name} -n ${cluster.namespace}     # revokes, then removes everything`,
      `  kubectl apply -f ${managementCluster.sampleManifest}     # one more cluster`,
      ...(onPath('kubectl') === undefined
        ? ['  (There is no kubectl on the PATH: npm run stack -- build kubectl installs it and prints its path.)']
        : []),
      '',
      pc.dim(
        'No namespace controller runs here, so kubectl delete namespace never completes. Ctrl-C stops everything.',
      ),
    ].join('\n'),
  );
  await waitForInterrupt(worker, signal);
}

/** Waits for Ctrl-C. @throws when the worker exits. */
async function waitForInterrupt(worker: WorkerProcess, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const ended = worker.ended();
    if (ended !== undefined) throw new Error(`the worker has exited (${ended}); its log: ${worker.logFile}`);
    await sleep(POLL_INTERVAL_MS);
  }
}
