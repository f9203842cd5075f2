/** The hub behind a proxy that can do it harm, for tests of outages. */
import { readFile } from 'node:fs/promises';
import { KubeConfig } from '@kubernetes/client-node';
import { createKubernetesApi, type KubernetesClient } from '../../src/kubernetes/client.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';

export interface ProxiedHub {
  readonly proxy: FaultProxy;
  /** As the given user, through the proxy. */
  readonly api: KubernetesClient;
  close(): Promise<void>;
}

export async function proxyHub(config: KubeConfig): Promise<ProxiedHub> {
  const cluster = config.getCurrentCluster();
  const user = config.getCurrentUser();
  if (cluster === null || user === null) throw new Error('the kubeconfig names no cluster or no user');
  const targetCaPem =
    cluster.caFile === undefined
      ? Buffer.from(cluster.caData ?? '', 'base64').toString()
      : await readFile(cluster.caFile, 'utf8');
  const proxy = await startFaultProxy({ target: cluster.server, targetCaPem });
  const proxied = new KubeConfig();
  proxied.loadFromClusterAndUser({ name: 'proxy', server: proxy.url, skipTLSVerify: true }, user);
  const api = createKubernetesApi({ kubeConfig: proxied });
  return {
    proxy,
    api,
    close: async () => {
      await api.close();
      await proxy.close();
    },
  };
}
