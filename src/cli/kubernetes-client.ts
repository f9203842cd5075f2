import { loadSettings } from '../configuration/load-configuration.ts';
import { KubernetesClient } from '../kubernetes/api/client.ts';
import { loadKubeConfig } from '../kubernetes/api/kube-config.ts';

/** Connects to the API server of the kubeconfig, for the duration of `work`. */
export async function withKubernetes<Result>(work: (kubernetes: KubernetesClient) => Promise<Result>): Promise<Result> {
  const { watchNamespaces: namespaces } = loadSettings(process.env, ['watchNamespaces']);
  const kubernetes = new KubernetesClient(loadKubeConfig(), { namespaces });
  try {
    return await work(kubernetes);
  } finally {
    await kubernetes.close();
  }
}
