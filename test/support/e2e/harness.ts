/**
 * A whole installation for the tests of a life: a stack of its own, prepared as a hub, and workers as processes of their own
 * with the rights of certman's ServiceAccount. The CA and Route 53 are reached through proxies that can take them away;
 * every other part is taken away by ending it.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, afterEach, beforeAll } from 'vitest';
import {
  type ManagementCluster,
  prepareManagementCluster,
} from '../../../local/stack/management-cluster/management-cluster.ts';
import type { KubeApiServerOptions } from '../../../local/stack/parts/kube-apiserver.ts';
import type { PebbleOptions } from '../../../local/stack/parts/pebble.ts';
import { type RunningStack, startStack } from '../../../local/stack/stack.ts';
import { startWorker, type WorkerOptions, type WorkerProcess } from '../../../local/stack/worker-process.ts';
import { createKubernetesClient, type KubernetesClient } from '../../../src/kubernetes/api/client.ts';
import { loadKubeConfig } from '../../../src/kubernetes/api/kube-config.ts';
import { useAccountBehindProxy } from '../acme/account-behind-proxy.ts';
import { type FaultProxy, startFaultProxy } from '../faults/fault-proxy.ts';
import { workflowBundle } from '../temporal/workflow-bundle.ts';

export interface E2eHarness {
  readonly stack: RunningStack;
  readonly hub: ManagementCluster;
  /** May do everything; plays Hive, the users and the one who looks. */
  readonly kubernetes: KubernetesClient;
  readonly client: Client;
  /** In front of the CA: what the workers call by its URL. */
  readonly ca: FaultProxy;
  /** In front of Route 53. */
  readonly route53: FaultProxy;
  /** Zone of the clusters, answered for by DNS. */
  readonly zone: { readonly name: string; readonly zoneId: string };
  /** A worker beside those that run. */
  startWorker(options?: Pick<WorkerOptions, 'name' | 'environment'>): Promise<WorkerProcess>;
  /** All that were started, in this order. */
  workers(): readonly WorkerProcess[];
  /** Ends those that run, in good order. */
  stopWorkers(): Promise<void>;
  /** @returns how it ended. */
  stopWorker(name: string): Promise<string | undefined>;
  /** The environment of `certman` commands, as of a person on this hub. */
  commandEnvironment(): Readonly<Record<string, string>>;
  stop(options?: { readonly keepLogs?: boolean }): Promise<void>;
}

export interface E2eHarnessOptions {
  readonly kubernetes?: KubeApiServerOptions;
  readonly pebble?: Omit<PebbleOptions, 'dnsServer' | 'name'>;
  /** Default `life.example.com`. */
  readonly zoneName?: string;
  /** Default `onDisk`: it can be ended and brought back with what it knew. In memory it takes many clusters faster. */
  readonly temporal?: 'onDisk' | 'inMemory';
  /** Of the first worker; `false`: none is started. */
  readonly worker?: Readonly<Record<string, string>> | false;
}

/** For a whole test file: `const lab = useLifeLab();`, then `lab()` inside tests. */
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
  // Logs of what failed, if only in a hook before the first test, are what somebody will want to read.
  afterAll(() => lab?.stop({ keepLogs: !ran || !allPassed }));
  return () => {
    if (lab === undefined) throw new Error('the lab is there only while tests run');
    return lab;
  };
}

export async function startE2eHarness(options: E2eHarnessOptions = {}): Promise<E2eHarness> {
  const stateDir = await mkdtemp(join(tmpdir(), 'certman-life-'));
  const stack = await startStack({
    stateDir,
    ...(options.temporal === 'inMemory' ? {} : { temporal: { dbFilename: 'temporal.db' } }),
    kubernetes: options.kubernetes ?? {},
    ...(options.pebble === undefined ? {} : { pebble: options.pebble }),
  });
  const ending: (() => Promise<unknown>)[] = [() => stack.stop()];
  const stop: E2eHarness['stop'] = async (how = {}) => {
    for (const end of ending.splice(0).toReversed()) await end();
    if (how.keepLogs === true) process.stderr.write(`Logs of the life lab: ${join(stateDir, 'logs')}\n`);
    else await rm(stateDir, { recursive: true, force: true });
  };
  try {
    const [ca, route53] = await Promise.all([startCaProxy(stack), startFaultProxy({ target: stack.route53.endpoint })]);
    ending.push(
      () => ca.close(),
      () => route53.close(),
    );
    const zoneName = options.zoneName ?? 'life.example.com';
    const { zoneId } = await stack.createZone(zoneName);
    const hub = await prepareManagementCluster(stack);
    const kubernetes = createKubernetesClient({
      kubeConfig: loadKubeConfig({ path: stack.kubernetes.adminKubeconfig }),
    });
    ending.push(() => kubernetes.close());
    await useAccountBehindProxy(ca, stack, hub);
    const connection = await Connection.connect({ address: stack.temporal.address });
    ending.push(() => connection.close());
    const environment = {
      CERTMAN_ACME_DIRECTORY_URL: `${ca.url}/dir`,
      AWS_ENDPOINT_URL: route53.url,
      CERTMAN_WORKFLOW_BUNDLE: workflowBundle().codePath,
      CERTMAN_KEY_TYPE: 'p-256',
    };
    const workers = new Map<string, WorkerProcess>();
    return {
      stack,
      hub,
      kubernetes,
      client: new Client({ connection, namespace: stack.temporal.namespace }),
      ca,
      route53,
      zone: { name: zoneName, zoneId },
      startWorker: async (more = {}) => {
        const name = more.name ?? `worker-${workers.size + 1}`;
        const worker = await startWorker({
          stack,
          managementCluster: hub,
          name,
          environment: { ...environment, ...more.environment },
        });
        workers.set(name, worker);
        ending.push(() => worker.kill());
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
      commandEnvironment: () => ({ ...hub.environment, HOME: stateDir }),
      stop,
    };
  } catch (error) {
    await stop({ keepLogs: true });
    throw error;
  }
}

/** With the stack's own server certificate, so that the CA file of the stack is right for both. */
async function startCaProxy(stack: RunningStack): Promise<FaultProxy> {
  const folder = join(stack.stateDir, 'tls');
  const [certPem, keyPem, targetCaPem] = await Promise.all([
    readFile(join(folder, 'tls.crt'), 'utf8'),
    readFile(join(folder, 'tls.key'), 'utf8'),
    readFile(stack.acme.caFile, 'utf8'),
  ]);
  return await startFaultProxy({
    target: new URL(stack.acme.directoryUrl).origin,
    targetCaPem,
    tls: { certPem, keyPem },
  });
}
