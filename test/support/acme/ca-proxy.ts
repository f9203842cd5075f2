import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AcmeEndpoints } from '../../../local/stack/parts/pebble.ts';
import type { RunningStack } from '../../../local/stack/stack.ts';
import { type FaultProxy, startFaultProxy } from '../faults/fault-proxy.ts';
import { PEBBLE_CONNECTIONS } from '../faults/upstream.ts';

/** In front of a CA of the stack or beside it. Uses Pebble's own server certificate, so that the stack's CA file verifies both. */
export async function startCaProxy(
  { stateDir }: Pick<RunningStack, 'stateDir'>,
  { directoryUrl, caFile }: Pick<AcmeEndpoints, 'directoryUrl' | 'caFile'>,
): Promise<FaultProxy> {
  const folder = join(stateDir, 'tls');
  const [certPem, keyPem, targetCaPem] = await Promise.all([
    readFile(join(folder, 'tls.crt'), 'utf8'),
    readFile(join(folder, 'tls.key'), 'utf8'),
    readFile(caFile, 'utf8'),
  ]);
  return await startFaultProxy({
    target: new URL(directoryUrl).origin,
    targetCaPem,
    tls: { certPem, keyPem },
    ...PEBBLE_CONNECTIONS,
  });
}
