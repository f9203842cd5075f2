/** The API server behind a proxy that injects faults, for tests of outages. */
import { readFile } from 'node:fs/promises';
import { KubeConfig } from '@kubernetes/client-node';
import { KubernetesClient } from '../../../src/kubernetes/api/client.ts';
import { type FaultProxy, startFaultProxy } from '../faults/fault-proxy.ts';

export interface ProxiedApiServer {
  readonly proxy: FaultProxy;
  /** As the given user, through the proxy. */
  readonly api: KubernetesClient;
  readonly close: () => Promise<void>;
}

export async function startApiServerProxy(config: KubeConfig): Promise<ProxiedApiServer> {
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
  const api = new KubernetesClient(proxied);
  return {
    proxy,
    api,
    close: async () => {
      await api.close();
      await proxy.close();
    },
  };
}
