/**
 * End-to-end harness: a local stack with a management cluster, and workers as separate processes with the rights of certman's
 * ServiceAccount. Workers reach the CA and Route 53 through fault proxies; other parts are made unavailable by stopping them.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { afterAll, afterEach, beforeAll } from 'vitest';
import {
  type ManagementCluster,
  prepareManagementCluster,
} from '../../../local/stack/management-cluster/management-cluster.ts';
import type { KubeApiServerOptions } from '../../../local/stack/parts/kube-apiserver.ts';
import type { PebbleOptions } from '../../../local/stack/parts/pebble.ts';
import type { TemporalOptions } from '../../../local/stack/parts/temporal.ts';
import { type RunningStack, startStack } from '../../../local/stack/stack.ts';
import { startWorker, type WorkerOptions, type WorkerProcess } from '../../../local/stack/worker-process.ts';
import { KubernetesClient } from '../../../src/kubernetes/api/client.ts';
import { loadKubeConfig } from '../../../src/kubernetes/api/kube-config.ts';
import { connect } from '../../../src/temporal/connect.ts';
import { useAccountBehindProxy } from '../acme/account-behind-proxy.ts';
import { startCaProxy } from '../acme/ca-proxy.ts';
import { type FaultProxy, startFaultProxy } from '../faults/fault-proxy.ts';
import { workflowBundle } from '../temporal/workflow-bundle.ts';

/** A running stack with workers. */
export interface E2eHarness {
  readonly stack: RunningStack;
  readonly managementCluster: ManagementCluster;
  /** Cluster-admin client, for what Hive and users do and for reading the state. */
  readonly kubernetes: KubernetesClient;
  readonly client: Client;
  /** Proxy in front of the CA; workers use its URL. */
  readonly ca: FaultProxy;
  /** Proxy in front of Route 53. */
  readonly route53: FaultProxy;
  /** Default zone of the clusters, served by DNS. */
  readonly zone: { readonly name: string; readonly zoneId: string };
  /** Starts another worker. */
  startWorker(options?: Pick<WorkerOptions, 'name' | 'environment' | 'program'>): Promise<WorkerProcess>;
  /** All workers, oldest first. */
  workers(): readonly WorkerProcess[];
  /** Stops all running workers with SIGTERM. */
  stopWorkers(): Promise<void>;
  /** Stops a worker with SIGTERM. @returns `code <exit code>`. */
  stopWorker(name: string): Promise<string | undefined>;
  /** Environment for `certman` commands of an operator of the management cluster. */
  commandEnvironment(): Readonly<Record<string, string>>;
  stop(options?: { readonly keepLogs?: boolean }): Promise<void>;
}

const TEMPORAL_OPTIONS = {
  onDisk: { dbFilename: 'temporal.db' },
  inMemory: {},
  postgres: { store: 'postgres' },
} as const satisfies Readonly<Record<string, TemporalOptions>>;

/** How to start the harness. */
export interface E2eHarnessOptions {
  readonly kubernetes?: KubeApiServerOptions;
  readonly pebble?: Omit<PebbleOptions, 'dnsServer' | 'name'>;
  /** Default `e2e.example.com`. */
  readonly zoneName?: string;
  /**
   * Default `inMemory`, which takes the least CPU time and forgets all when it stops. `onDisk` keeps its state over a restart.
   * `postgres` is the server of production.
   */
  readonly temporal?: keyof typeof TEMPORAL_OPTIONS;
  /** Environment of the first worker; `false`: no worker is started. */
  readonly worker?: Readonly<Record<string, string>> | false;
}

/** Starts a harness for a test file: `const lab = useE2eHarness();`, then `lab()` inside tests. */
export function useE2eHarness(options: E2eHarnessOptions = {}): () => E2eHarness {
  let lab: E2eHarness | undefined;
  let allPassed = true;
  let ran = false;
  beforeAll(async () => {
    lab = await startE2eHarness(options);
    if (options.worker !== false) await lab.startWorker({ environment: options.worker ?? {} });
  });
  afterEach(({ task }) => {
    ran = true;
    if (task.result?.state === 'fail') allPassed = false;
  });
  // A failed hook before the first test keeps the logs as well.
  afterAll(() => lab?.stop({ keepLogs: !ran || !allPassed }));
  return () => {
    if (lab === undefined) throw new Error('the harness exists only while tests run');
    return lab;
  };
}

/** Starts the stack, the proxies and the management cluster, without a worker. */
export async function startE2eHarness(options: E2eHarnessOptions = {}): Promise<E2eHarness> {
  const stateDir = await mkdtemp(join(tmpdir(), 'certman-e2e-'));
  const stack = await startStack({
    stateDir,
    temporal: TEMPORAL_OPTIONS[options.temporal ?? 'inMemory'],
    kubernetes: options.kubernetes ?? {},
    ...(options.pebble === undefined ? {} : { pebble: options.pebble }),
  });
  const cleanups: (() => Promise<unknown>)[] = [() => stack.stop()];
  const stop: E2eHarness['stop'] = async ({ keepLogs = false } = {}) => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
    if (keepLogs) process.stderr.write(`Logs of the e2e harness: ${join(stateDir, 'logs')}\n`);
    else await rm(stateDir, { recursive: true, force: true });
  };
  try {
    const [ca, route53] = await Promise.all([
      startCaProxy(stack, stack.acme),
      startFaultProxy({ target: stack.route53.endpoint }),
    ]);
    cleanups.push(
      () => ca.close(),
      () => route53.close(),
    );
    const zoneName = options.zoneName ?? 'e2e.example.com';
    const { zoneId } = await stack.createZone(zoneName);
    const managementCluster = await prepareManagementCluster(stack);
    const kubernetes = new KubernetesClient(loadKubeConfig({ path: stack.kubernetes.adminKubeconfig }));
    cleanups.push(() => kubernetes.close());
    await useAccountBehindProxy(ca, stack, managementCluster);
    const connection = await connect({ address: stack.temporal.address });
    cleanups.push(() => connection.close());
    const environment = {
      CERTMAN_ACME_DIRECTORY_URL: `${ca.url}/dir`,
      AWS_ENDPOINT_URL: route53.url,
      CERTMAN_WORKFLOW_BUNDLE: workflowBundle().codePath,
      CERTMAN_KEY_TYPE: 'p-256',
    };
    const workers = new Map<string, WorkerProcess>();
    return {
      stack,
      managementCluster,
      kubernetes,
      client: new Client({ connection, namespace: stack.temporal.namespace }),
      ca,
      route53,
      zone: { name: zoneName, zoneId },
      startWorker: async (more = {}) => {
        const name = more.name ?? `worker-${workers.size + 1}`;
        const worker = await startWorker({
          stack,
          managementCluster,
          name,
          program: more.program,
          environment: { ...environment, ...more.environment },
        });
        workers.set(name, worker);
        cleanups.push(() => worker.kill());
        return worker;
      },
      workers: () => [...workers.values()],
      stopWorkers: async () => {
        await Promise.all([...workers.values()].map((worker) => worker.stop()));
      },
      stopWorker: async (name) => {
        const worker = workers.get(name);
        await worker?.stop();
        return worker?.ended();
      },
      commandEnvironment: () => ({ ...managementCluster.environment, HOME: stateDir }),
      stop,
    };
  } catch (error) {
    await stop({ keepLogs: true });
    throw error;
  }
}
