/** Relays in front of every system that a worker calls, and the settings that point the worker to them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeKubeconfig } from '../../../local/stack/management-cluster/kubeconfig.ts';
import type { ManagementCluster } from '../../../local/stack/management-cluster/management-cluster.ts';
import type { Stack } from '../../../local/stack/stack.ts';
import { loadKubeConfig } from '../../../src/kubernetes/api/kube-config.ts';
import { PEBBLE_CONNECTIONS } from '../../support/faults/upstream.ts';
import { kindOf } from '../request-kinds.ts';
import type {
  ConnectionOwner,
  ExchangeListener,
  ExternalRequest,
  ExternalResponse,
  Interceptor,
  Relay,
} from './exchange.ts';
import { startGrpcRelay } from './grpc-relay.ts';
import { startHttpRelay } from './http-relay.ts';

export interface RelaysOptions {
  readonly stack: Stack;
  readonly managementCluster: ManagementCluster;
  readonly interceptor: Interceptor;
  readonly ownerOf: ConnectionOwner;
  readonly onExchange: ExchangeListener;
}

export interface Relays {
  /** Added to the environment of the management cluster. */
  readonly environment: Readonly<Record<string, string>>;
  readonly caUrl: string;
  close(): Promise<void>;
}

export async function startRelays({ stack, managementCluster, ...common }: RelaysOptions): Promise<Relays> {
  const tls = await stackTls(stack);
  const started: Relay[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(started.map((relay) => relay.close()));
  };
  const kept = async (relay: Promise<Relay>): Promise<Relay> => {
    started.push(await relay);
    return await relay;
  };
  const secure = { ...common, tls, targetCaPem: tls.caPem };
  try {
    const ca = await kept(
      startHttpRelay({
        ...secure,
        ...PEBBLE_CONNECTIONS,
        system: 'ca',
        target: new URL(stack.acme.directoryUrl).origin,
      }),
    );
    const doh = await kept(startHttpRelay({ ...secure, system: 'doh', target: new URL(stack.dns.dohUrl).origin }));
    const kubernetes = await kept(startHttpRelay({ ...secure, system: 'kubernetes', target: stack.kubernetes.server }));
    const route53 = await kept(
      startHttpRelay({ ...common, system: 'route53', target: stack.route53.endpoint, rewriteResponse: answerPending }),
    );
    const temporal = await kept(
      startGrpcRelay({ ...common, system: 'temporal', target: `http://${stack.temporal.address}` }),
    );
    const caUrl = `https://127.0.0.1:${ca.port}`;
    return {
      caUrl,
      close,
      environment: {
        CERTMAN_ACME_DIRECTORY_URL: `${caUrl}/dir`,
        CERTMAN_DOH_RESOLVERS: `https://127.0.0.1:${doh.port}${new URL(stack.dns.dohUrl).pathname}`,
        AWS_ENDPOINT_URL: `http://127.0.0.1:${route53.port}`,
        TEMPORAL_ADDRESS: `127.0.0.1:${temporal.port}`,
        KUBECONFIG: await kubeconfigThrough(kubernetes, stack, managementCluster),
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The stack's server certificate, so that its CA file verifies the relays as well. */
async function stackTls(stack: Stack): Promise<{ certPem: string; keyPem: string; caPem: string }> {
  const folder = join(stack.stateDir, 'tls');
  const [certPem, keyPem, caPem] = await Promise.all([
    readFile(join(folder, 'tls.crt'), 'utf8'),
    readFile(join(folder, 'tls.key'), 'utf8'),
    readFile(stack.acme.caFile, 'utf8'),
  ]);
  return { certPem, keyPem, caPem };
}

async function kubeconfigThrough(relay: Relay, stack: Stack, managementCluster: ManagementCluster): Promise<string> {
  const user = loadKubeConfig({ path: managementCluster.kubeconfig }).getCurrentUser();
  const file = join(stack.stateDir, 'certman-through-relay.kubeconfig');
  await writeKubeconfig(file, {
    server: `https://127.0.0.1:${relay.port}`,
    caFile: stack.kubernetes.caFile,
    user: user?.name ?? '',
    token: user?.token ?? '',
  });
  return file;
}

/** Route 53 returns PENDING for a new change. moto returns INSYNC, after which certman would not poll. */
function answerPending(request: ExternalRequest, response: ExternalResponse): ExternalResponse {
  if (kindOf(request) !== 'publish' || response.status !== 200) return response;
  return { ...response, body: Buffer.from(response.body.toString().replace('>INSYNC<', '>PENDING<')) };
}
