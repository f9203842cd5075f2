import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { executable } from '../build/executables.ts';
import { sendRequest } from '../http.ts';
import { controllerManagerFlags } from './flags.ts';
import { type Part, type PartContext, startPart } from './part.ts';

/** Starts the controllers for garbage collection, removal of namespaces and `default` ServiceAccounts. */
export async function startKubeControllerManager(
  context: PartContext & { readonly adminKubeconfig: string },
): Promise<Part> {
  const dataDir = join(context.stateDir, 'kube-controller-manager');
  await mkdir(dataDir, { recursive: true });
  return await startPart(
    {
      name: 'kube-controller-manager',
      ports: ['port'],
      launch: async ({ port }) => ({
        command: await executable('kube-controller-manager'),
        args: controllerManagerFlags({ host: '127.0.0.1', port, kubeconfig: context.adminKubeconfig, dataDir }),
      }),
      // Its certificate is self-signed, created at its first start.
      isReady: async ({ port }, signal) => {
        const caFile = join(dataDir, 'kube-controller-manager.crt');
        return (await sendRequest(`https://localhost:${port}/healthz`, { caFile, signal })).status === 200;
      },
    },
    context,
  );
}
