/** Serves the certificates of sample clusters, as the clusters would once Hive has brought them: each handshake presents what the Secret holds. */
import type { AddressInfo, Socket } from 'node:net';
import { createSecureContext, createServer, type SecureContext } from 'node:tls';
import { type Change, ChangeResourceRecordSetsCommand, Route53Client } from '@aws-sdk/client-route-53';
import type { KubernetesApi } from '../../src/kubernetes/api/kubernetes-api.ts';
import { readTlsSecret } from '../../src/kubernetes/objects/tls-secret.ts';
import { withHiveClient } from './management-cluster/clients.ts';
import type { SampleCluster } from './management-cluster/sample-cluster.ts';
import type { Stack } from './stack.ts';

/** For the worker: the servers are on loopback. */
export const SERVING_ENVIRONMENT: Readonly<Record<string, string>> = { CERTMAN_PRIVATE_NETWORKS: '127.0.0.0/8' };

/** By which OpenShift checks its routers, and certman a wildcard. */
const ROUTE = 'canary-openshift-ingress-canary';
const HOST = '127.0.0.1';
const TTL_SECONDS = 1;
/** Of one change: Route 53 takes 1,000 elements, of which an UPSERT counts twice. */
const MAX_CHANGES = 400;

/** Servers that run. */
export interface ServedClusters {
  readonly port: number;
  stop(): Promise<void>;
}

/**
 * Starts one TLS server for all, creates the address records of their names, and states the port in the status of each
 * ClusterDeployment, as Hive does.
 */
export async function serveClusters(
  stack: Pick<Stack, 'route53' | 'kubernetes'>,
  kubernetes: KubernetesApi,
  clusters: readonly SampleCluster[],
  zoneId: string,
): Promise<ServedClusters> {
  const byHost = new Map(clusters.flatMap((cluster) => hostsOf(cluster).map((host) => [host, cluster] as const)));
  const sockets = new Set<Socket>();
  const server = createServer({
    SNICallback: (host, respond) => {
      contextOf(kubernetes, byHost.get(host)).then(
        (context) => respond(null, context),
        (error: unknown) => respond(error instanceof Error ? error : new Error(String(error))),
      );
    },
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
  });
  // A client that refuses the certificate.
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  await new Promise<void>((resolve) => {
    server.listen(0, HOST, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  try {
    await createAddressRecords(stack, zoneId, [...byHost.keys()]);
    await statePorts(stack, clusters, port);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, stop };
}

/** The names that certman probes. */
function hostsOf({ dnsNames }: SampleCluster): readonly string[] {
  return dnsNames.map((name) => name.replace(/^\*\./, `${ROUTE}.`));
}

/** Without a certificate, the handshake fails, as before a cluster has one. */
async function contextOf(kubernetes: KubernetesApi, cluster: SampleCluster | undefined): Promise<SecureContext> {
  if (cluster === undefined) throw new Error('no sample cluster has this name');
  const secret = await readTlsSecret(kubernetes, { namespace: cluster.namespace, name: cluster.secretName });
  if (secret.kind !== 'valid') throw new Error(`Secret ${cluster.namespace}/${cluster.secretName} is ${secret.kind}`);
  return createSecureContext({ cert: secret.chainPem, key: secret.keyPem });
}

async function createAddressRecords(
  { route53: { endpoint, region, credentials } }: Pick<Stack, 'route53'>,
  zoneId: string,
  hosts: readonly string[],
): Promise<void> {
  const route53 = new Route53Client({ endpoint, region, credentials });
  try {
    for (let from = 0; from < hosts.length; from += MAX_CHANGES) {
      const Changes = hosts.slice(from, from + MAX_CHANGES).map(addressRecord);
      await route53.send(new ChangeResourceRecordSetsCommand({ HostedZoneId: zoneId, ChangeBatch: { Changes } }));
    }
  } finally {
    route53.destroy();
  }
}

function addressRecord(host: string): Change {
  return {
    Action: 'UPSERT',
    ResourceRecordSet: { Name: host, Type: 'A', TTL: TTL_SECONDS, ResourceRecords: [{ Value: HOST }] },
  };
}

async function statePorts(
  { kubernetes }: Pick<Stack, 'kubernetes'>,
  clusters: readonly SampleCluster[],
  port: number,
): Promise<void> {
  await withHiveClient(kubernetes.adminKubeconfig, (hive) =>
    hive.mergePatch(
      clusters.map(({ namespace, name, zone }) => ({
        path: `/apis/hive.openshift.io/v1/namespaces/${namespace}/clusterdeployments/${name}/status`,
        body: {
          status: {
            apiURL: `https://api.${name}.${zone}:${port}`,
            webConsoleURL: `https://console-openshift-console.apps.${name}.${zone}:${port}`,
          },
        },
      })),
    ),
  );
}
