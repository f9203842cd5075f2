/**
 * Another management cluster beside the harness's own: an API server of its own, and the same Temporal, CA and DNS. Its
 * workers reach the CA through the harness's proxy as well, which passes on one request at a time.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { prepareManagementCluster } from '../../../local/stack/management-cluster/management-cluster.ts';
import { startEtcd } from '../../../local/stack/parts/etcd.ts';
import { startKubeApiServer } from '../../../local/stack/parts/kube-apiserver.ts';
import type { Part } from '../../../local/stack/parts/part.ts';
import { openStack } from '../../../local/stack/stack.ts';
import { tlsFiles } from '../../../local/stack/tls.ts';
import { startWorker, type WorkerProcess } from '../../../local/stack/worker-process.ts';
import { KubernetesClient } from '../../../src/kubernetes/api/client.ts';
import { loadKubeConfig } from '../../../src/kubernetes/api/kube-config.ts';
import { useAccountBehindProxy } from '../acme/account-behind-proxy.ts';
import { workflowBundle } from '../temporal/workflow-bundle.ts';
import type { E2eHarness } from './harness.ts';

/** The harness as seen from the other management cluster: what creates and reads objects acts on that one. */
export interface SecondManagementCluster
  extends Pick<E2eHarness, 'stack' | 'kubernetes' | 'managementCluster' | 'client' | 'zone'> {
  /** Starts a worker. @param name value of `CERTMAN_MANAGEMENT_CLUSTER`, and of the worker's identity. */
  startWorker(name: string): Promise<WorkerProcess>;
  stop(): Promise<void>;
}

export async function startSecondManagementCluster(lab: E2eHarness): Promise<SecondManagementCluster> {
  const stateDir = join(lab.stack.stateDir, 'second');
  await mkdir(stateDir, { recursive: true });
  const parts: Part[] = [];
  const cleanups: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
    for (const part of parts.splice(0).toReversed()) await part.stop();
  };
  try {
    const context = { stateDir, signal: new AbortController().signal };
    const etcd = await startEtcd(context);
    parts.push(etcd);
    const api = await startKubeApiServer({
      ...context,
      etcdUrl: etcd.url,
      tls: await tlsFiles(join(stateDir, 'tls')),
    });
    parts.push(api);
    const { server, caFile, adminKubeconfig } = api;
    const { temporal, acme, route53, dns } = lab.stack;
    const kubernetesEndpoints = { server, caFile, adminKubeconfig, etcdUrl: etcd.url };
    const endpoints = { stateDir, kubernetes: kubernetesEndpoints, temporal, acme, route53, dns };
    const stack = { ...lab.stack, ...openStack(endpoints) };
    const managementCluster = await prepareManagementCluster(stack);
    await useAccountBehindProxy(lab.ca, stack, managementCluster);
    const kubernetes = new KubernetesClient(loadKubeConfig({ path: adminKubeconfig }));
    cleanups.push(() => kubernetes.close());
    return {
      stack,
      kubernetes,
      managementCluster,
      client: lab.client,
      zone: lab.zone,
      startWorker: async (name) => {
        const worker = await startWorker({
          stack,
          managementCluster,
          name: `worker-${name}`,
          environment: {
            CERTMAN_ACME_DIRECTORY_URL: `${lab.ca.url}/dir`,
            CERTMAN_MANAGEMENT_CLUSTER: name,
            CERTMAN_IDENTITY: name,
            CERTMAN_WORKFLOW_BUNDLE: workflowBundle().codePath,
            CERTMAN_KEY_TYPE: 'p-256',
          },
        });
        cleanups.push(() => worker.kill());
        return worker;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
