/** One step of docker-compose.yml: `node local/compose/step.ts NAME`. Every step is idempotent. */
import { ListHostedZonesByNameCommand, Route53Client } from '@aws-sdk/client-route-53';
import { removeDeletedZoneFiles } from '../stack/hosted-zones.ts';
import { LocalStackError, messageOf } from '../stack/local-stack-error.ts';
import { withAdmin } from '../stack/management-cluster/clients.ts';
import { prepareManagementCluster } from '../stack/management-cluster/management-cluster.ts';
import { createSampleClusters } from '../stack/management-cluster/sample-cluster.ts';
import { writeRoots } from '../stack/parts/pebble.ts';
import { setWorkflowRetention } from '../stack/parts/temporal.ts';
import { poll } from '../stack/poll.ts';
import { openStack } from '../stack/stack.ts';
import { ENDPOINTS, STEPS, ZONE } from './endpoints.ts';
import { prepareVolume } from './prepare.ts';

const READY_TIMEOUT_MS = 180_000;
const POLL_INTERVAL_MS = 500;

const stack = openStack(ENDPOINTS);
const { adminKubeconfig } = ENDPOINTS.kubernetes;

const RUN: Readonly<Record<(typeof STEPS)[number], () => Promise<void>>> = {
  /** Keys and configuration files. moto loses its zones at a restart, and CoreDNS does not start with a zone that is missing in Route 53. */
  prepare: async () => {
    await prepareVolume();
    await withRoute53((route53) => removeDeletedZoneFiles(route53, ENDPOINTS.dns.zonesDir));
  },
  /** The hosted zone, once: certman fails where two zones have one name. */
  zone: async () => {
    if (await hasZone(ZONE)) return;
    await stack.createZone(ZONE);
  },
  /** CRDs, rights, the CA's roots, the ACME account, the kubeconfig of the worker, and Temporal's retention. */
  'management-cluster': async () => {
    await waitFor('the Kubernetes API', () =>
      withAdmin(adminKubeconfig, (admin) => admin.getJson('/api/v1/namespaces?limit=1')),
    );
    await waitFor('Temporal', () => setWorkflowRetention(ENDPOINTS.temporal.address));
    await waitFor('the ACME CA', () => writeRoots(ENDPOINTS.acme));
    await prepareManagementCluster(stack, { sampleZone: ZONE });
  },
  /** An installed cluster. */
  sample: async () => {
    await createSampleClusters(stack, { count: 1, zone: ZONE });
  },
};

async function hasZone(name: string): Promise<boolean> {
  const { HostedZones = [] } = await withRoute53((route53) =>
    route53.send(new ListHostedZonesByNameCommand({ DNSName: name })),
  );
  return HostedZones.some((zone) => zone.Name === `${name}.`);
}

async function withRoute53<T>(body: (route53: Route53Client) => Promise<T>): Promise<T> {
  const { endpoint, region, credentials } = ENDPOINTS.route53;
  const route53 = new Route53Client({ endpoint, region, credentials });
  try {
    return await body(route53);
  } finally {
    route53.destroy();
  }
}

/** Retries an operation: the images of these services have no shell for a health check. @throws LocalStackError */
async function waitFor(service: string, operation: () => Promise<unknown>): Promise<void> {
  let cause: unknown;
  const attempt = async (): Promise<true | undefined> => {
    try {
      await operation();
      return true;
    } catch (error) {
      cause = error;
      return undefined;
    }
  };
  if ((await poll(attempt, { timeoutMs: READY_TIMEOUT_MS, intervalMs: POLL_INTERVAL_MS })) === true) return;
  const message = `${service} does not respond after ${READY_TIMEOUT_MS / 1000} s: ${messageOf(cause)}`;
  throw new LocalStackError({ message, remedy: 'See docker compose logs.', cause });
}

const [argument = ''] = process.argv.slice(2);
const name = STEPS.find((step) => step === argument);
if (name === undefined)
  throw new LocalStackError({ message: `"${argument}" is not a step. Steps: ${STEPS.join(', ')}.` });
await RUN[name]();
process.stdout.write(`${name}: done\n`);
