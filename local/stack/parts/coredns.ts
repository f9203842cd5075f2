import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { executable } from '../build/executables.ts';
import { respondsToDns } from '../dns-query.ts';
import { sendRequest } from '../http.ts';
import type { TlsFiles } from '../tls.ts';
import { awsEnvironment, coreDnsFlags, corefile } from './flags.ts';
import { type Part, type PartContext, startPart } from './part.ts';

/** A running CoreDNS. */
export interface CoreDns extends Part {
  readonly host: string;
  readonly port: number;
  /** `host:port` */
  readonly address: string;
  readonly dohUrl: string;
  readonly caFile: string;
  /** Folder of one file per zone, which CoreDNS reloads on SIGUSR1. */
  readonly zonesDir: string;
}

/** Starts CoreDNS, which serves the zones of Route 53 by DNS and DoH. */
export async function startCoreDns(
  context: PartContext & { readonly route53Endpoint: string; readonly tls: TlsFiles },
): Promise<CoreDns> {
  const folder = join(context.stateDir, 'coredns');
  const zonesDir = join(folder, 'zones');
  const { caFile, certFile, keyFile } = context.tls;
  // Zones of the last run are not in Route 53, and CoreDNS does not start with such a zone.
  await rm(zonesDir, { recursive: true, force: true });
  await mkdir(zonesDir, { recursive: true });
  const part = await startPart(
    {
      name: 'coredns',
      ports: ['dns', 'doh'],
      launch: async (ports) => {
        const file = join(folder, 'Corefile');
        const at = { host: '127.0.0.1', dnsPort: ports.dns, dohPort: ports.doh, certFile, keyFile, zonesDir };
        await writeFile(file, corefile(at));
        return {
          command: await executable('coredns'),
          args: coreDnsFlags({ corefile: file }),
          environment: awsEnvironment(context.route53Endpoint),
        };
      },
      isReady: async ({ dns, doh }, signal) => {
        await sendRequest(`https://127.0.0.1:${doh}/dns-query`, { caFile, signal });
        return await respondsToDns({ host: '127.0.0.1', port: dns });
      },
    },
    context,
  );
  return Object.assign(part, {
    host: '127.0.0.1',
    port: part.ports.dns,
    address: `127.0.0.1:${part.ports.dns}`,
    dohUrl: `https://127.0.0.1:${part.ports.doh}/dns-query`,
    caFile,
    zonesDir,
  });
}
