/** certman's own Kubernetes client in the hands of an administrator of the local management cluster. */
import { createKubernetesClient, type KubernetesClient } from '../../../src/kubernetes/api/client.ts';
import { loadKubeConfig } from '../../../src/kubernetes/api/kube-config.ts';

/** Runs `body` with a client, and closes its connections. @param kubeconfig path of the administrator's. */
export async function withAdmin<T>(kubeconfig: string, body: (admin: KubernetesClient) => Promise<T>): Promise<T> {
  const admin = createKubernetesClient({ kubeConfig: loadKubeConfig({ path: kubeconfig }) });
  try {
    return await body(admin);
  } finally {
    await admin.close();
  }
}
