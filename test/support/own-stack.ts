/**
 * A local stack of a test file's own, prepared as a hub, with proxies between the worker and the CA and between the worker
 * and Route 53: for tests with a worker at work, which serves every cluster of its hub, and for faults that all would feel.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, type Suite } from 'vitest';
import { type Hub, prepareHub } from '../../local/hub.ts';
import { type HubApi, withHubApi } from '../../local/hub-api.ts';
import { type RunningStack, type StackOptions, startStack } from '../../local/stack.ts';
import { tlsFiles } from '../../local/tls.ts';
import { startWorker, type WorkerProcess } from '../../local/worker-process.ts';
import { createKubernetesApi, type KubernetesClient } from '../../src/kubernetes/client.ts';
import { loadKubeConfig } from '../../src/kubernetes/kube-config.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';

const START_MS = 120_000;

export interface OwnStack {
  readonly stack: RunningStack;
  readonly hub: Hub;
  /** In front of the CA; the account is registered through it. */
  readonly ca: FaultProxy;
  readonly route53: FaultProxy;
  /** Reads and deletes as one who may do everything. What it writes would pass for certman's own: Hive and users write with {@link asHive}. */
  readonly admin: KubernetesClient;
  readonly temporal: Client;
  asHive<T>(body: (hub: HubApi) => Promise<T>): Promise<T>;
  /** A worker with certman's ServiceAccount that reaches the CA and Route 53 through the proxies; ended with the file. */
  startWorker(environment?: Readonly<Record<string, string>>): Promise<WorkerProcess>;
}

/** For a whole test file: `const own = useOwnStack();`, then `own()` inside tests and hooks. */
export function useOwnStack(options: Omit<StackOptions, 'stateDir'> = {}): () => OwnStack {
  const endings: (() => Promise<unknown>)[] = [];
  let own: OwnStack | undefined;
  beforeAll(async () => {
    own = await open(options, endings);
  }, START_MS);
  afterAll(async (suite) => {
    for (const end of endings.toReversed()) await end();
    const folder = own?.stack.stateDir;
    if (folder === undefined) return;
    if (hasFailed(suite)) process.stderr.write(`Logs of the stack of this file: ${join(folder, 'logs')}\n`);
    else await rm(folder, { recursive: true, force: true });
  }, START_MS);
  return () => {
    if (own === undefined) throw new Error('the stack is there only while tests run');
    return own;
  };
}

async function open(
  options: Omit<StackOptions, 'stateDir'>,
  endings: (() => Promise<unknown>)[],
): Promise<OwnStack> {
  const stateDir = await mkdtemp(join(tmpdir(), 'certman-own-stack-'));
  const stack = await startStack({ ...options, stateDir });
  endings.push(() => stack.stop());
  const tls = await tlsFiles(join(stateDir, 'tls'));
  const [certPem, keyPem, caPem] = await Promise.all(
    [tls.certFile, tls.keyFile, stack.acme.caFile].map((file) => readFile(file, 'utf8')),
  );
  const directory = new URL(stack.acme.directoryUrl);
  const ca = await startFaultProxy({
    target: directory.origin,
    ...(caPem === undefined ? {} : { targetCaPem: caPem }),
    tls: { certPem: certPem ?? '', keyPem: keyPem ?? '' },
  });
  endings.push(() => ca.close());
  const route53 = await startFaultProxy({ target: stack.route53.endpoint });
  endings.push(() => route53.close());
  const directoryUrl = `${ca.url}${directory.pathname}`;
  const hub = await prepareHub({ ...stack, acme: { ...stack.acme, directoryUrl } });
  const admin = createKubernetesApi({ kubeConfig: loadKubeConfig({ path: stack.kubernetes.adminKubeconfig }) });
  endings.push(() => admin.close());
  const connection = await Connection.connect({ address: stack.temporal.address });
  endings.push(() => connection.close());
  return {
    stack,
    hub,
    ca,
    route53,
    admin,
    temporal: new Client({ connection, namespace: stack.temporal.namespace }),
    asHive: (body) => withHubApi(stack.kubernetes.adminKubeconfig, body),
    startWorker: async (environment = {}) => {
      const worker = await startWorker({
        stack,
        hub,
        environment: {
          CERTMAN_ACME_DIRECTORY_URL: directoryUrl,
          AWS_ENDPOINT_URL: route53.url,
          CERTMAN_KEY_TYPE: 'p-256',
          ...environment,
        },
      });
      endings.push(() => worker.stop());
      return worker;
    },
  };
}

function hasFailed(suite: Readonly<Suite>): boolean {
  return suite.tasks.some((task) => task.result?.state === 'fail' || (task.type === 'suite' && hasFailed(task)));
}
