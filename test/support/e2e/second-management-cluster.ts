/**
 * Another management cluster beside the harness's own. Its workers reach the CA through the harness's proxy as well, which
 * passes on one request at a time.
 */
import { startAnotherManagementCluster } from '../../../local/stack/management-cluster/another-management-cluster.ts';
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
  const another = await startAnotherManagementCluster(lab.stack, 'second');
  const cleanups: (() => Promise<unknown>)[] = [() => another.stop()];
  const stop = async (): Promise<void> => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  };
  try {
    const { managementCluster } = another;
    const stack = { ...lab.stack, ...another.stack };
    await useAccountBehindProxy(lab.ca, stack, managementCluster);
    const kubernetes = new KubernetesClient(loadKubeConfig({ path: stack.kubernetes.adminKubeconfig }));
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
