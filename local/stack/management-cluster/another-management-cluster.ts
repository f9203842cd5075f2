/** A management cluster beside the stack's own: an API server of its own, and the same Temporal, CA and DNS. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { startEtcd } from '../parts/etcd.ts';
import { startKubeApiServer } from '../parts/kube-apiserver.ts';
import type { Part } from '../parts/part.ts';
import { openStack, type Stack } from '../stack.ts';
import { tlsFiles } from '../tls.ts';
import { type ManagementCluster, prepareManagementCluster } from './management-cluster.ts';

/** A running one. */
export interface AnotherManagementCluster {
  /** The stack as seen from it. */
  readonly stack: Stack;
  readonly managementCluster: ManagementCluster;
  /** Process ids of its API server and etcd. */
  pids(): readonly (number | undefined)[];
  stop(): Promise<void>;
}

/** Starts one and prepares it. @param name of its folder in the stack's. @throws LocalStackError */
export async function startAnotherManagementCluster(beside: Stack, name: string): Promise<AnotherManagementCluster> {
  const stateDir = join(beside.stateDir, name);
  await mkdir(stateDir, { recursive: true });
  const parts: Part[] = [];
  const stop = async (): Promise<void> => {
    for (const part of parts.splice(0).toReversed()) await part.stop();
  };
  try {
    const etcd = await startEtcd({ stateDir });
    parts.push(etcd);
    const api = await startKubeApiServer({ stateDir, etcdUrl: etcd.url, tls: await tlsFiles(join(stateDir, 'tls')) });
    parts.push(api);
    const { server, caFile, adminKubeconfig } = api;
    const { temporal, acme, route53, dns } = beside;
    const kubernetes = { server, caFile, adminKubeconfig, etcdUrl: etcd.url };
    const stack = openStack({ stateDir, kubernetes, temporal, acme, route53, dns });
    return {
      stack,
      managementCluster: await prepareManagementCluster(stack),
      pids: () => parts.map((part) => part.pid()),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
