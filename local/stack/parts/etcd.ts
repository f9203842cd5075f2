import { join } from 'node:path';
import { executable } from '../build/executables.ts';
import { sendRequest } from '../http.ts';
import { etcdFlags } from './flags.ts';
import { type Part, type PartContext, startPart } from './part.ts';

/** A running etcd. */
export interface Etcd extends Part {
  readonly url: string;
}

/** Starts etcd with its data in the state folder. */
export async function startEtcd(context: PartContext): Promise<Etcd> {
  const part = await startPart(
    {
      name: 'etcd',
      ports: ['client', 'peer'],
      launch: async (ports) => ({
        command: await executable('etcd'),
        args: etcdFlags({ host: '127.0.0.1', ...ports, dataDir: join(context.stateDir, 'etcd') }),
      }),
      isReady: async (ports, signal) => {
        const { body } = await sendRequest(`http://127.0.0.1:${ports.client}/health`, { signal });
        return body.includes('"true"');
      },
    },
    context,
  );
  return Object.assign(part, { url: `http://127.0.0.1:${part.ports.client}` });
}
