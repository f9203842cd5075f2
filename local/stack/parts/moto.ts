import { executable } from '../build/executables.ts';
import { sendRequest } from '../http.ts';
import { motoFlags } from './flags.ts';
import { type Part, type PartContext, startPart } from './part.ts';

/** A running moto. */
export interface Moto extends Part {
  /** Value of `AWS_ENDPOINT_URL`. */
  readonly endpoint: string;
}

/** Starts moto for Route 53 and STS. It keeps everything in memory: after a restart it has no zones. */
export async function startMoto(context: PartContext): Promise<Moto> {
  const part = await startPart(
    {
      name: 'moto',
      ports: ['port'],
      launch: async ({ port }) => ({
        command: await executable('moto'),
        args: motoFlags({ host: '127.0.0.1', port }),
      }),
      isReady: async ({ port }, signal) =>
        (await sendRequest(`http://127.0.0.1:${port}/moto-api/`, { signal })).status === 200,
    },
    context,
  );
  return Object.assign(part, { endpoint: `http://127.0.0.1:${part.ports.port}` });
}
