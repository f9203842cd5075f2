/** The steps of docker-compose.yml that are certman's own: `node local/compose/step.ts NAME`. Done again, each changes nothing that works. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ListHostedZonesByNameCommand, Route53Client } from '@aws-sdk/client-route-53';
import { removeDeletedZoneFiles } from '../stack/hosted-zones.ts';
import { sendRequest } from '../stack/http.ts';
import { LocalStackError, messageOf } from '../stack/local-stack-error.ts';
import { withAdmin } from '../stack/management-cluster/admin-client.ts';
import { prepareManagementCluster } from '../stack/management-cluster/management-cluster.ts';
import { createSampleClusters } from '../stack/management-cluster/sample-cluster.ts';
import { setWorkflowRetention } from '../stack/parts/temporal.ts';
import { openStack } from '../stack/stack.ts';
import { ENDPOINTS, ZONE } from './endpoints.ts';
import { prepareVolume } from './prepare.ts';

const READY_TIMEOUT_MS = 180_000;
const POLL_INTERVAL_MS = 500;

const stack = openStack(ENDPOINTS);
const { adminKubeconfig } = ENDPOINTS.kubernetes;

const STEPS: Readonly<Record<string, () => Promise<void>>> = {
  /** Keys and configuration files. moto forgets its zones at a restart, and CoreDNS does not start with one that is not there. */
  prepare: async () => {
    await prepareVolume();
    await withRoute53((route53) => removeDeletedZoneFiles(route53, ENDPOINTS.dns.zonesDir));
  },
  /** The hosted zone, once: two of one name would be an error that certman reports. */
  zone: async () => {
    if (await hasZone(ZONE)) return;
    await stack.createZone(ZONE);
  },
  /** CRDs, rights, the ACME account, the kubeconfig of the worker, and Temporal's retention. */
  hub: async () => {
    await waitFor('the Kubernetes API', () =>
      withAdmin(adminKubeconfig, (admin) => admin.getJson('/api/v1/namespaces?limit=1')),
    );
    await waitFor('Temporal', () => setWorkflowRetention(ENDPOINTS.temporal.address));
    await waitFor('the ACME CA', () => sendRequest(ENDPOINTS.acme.directoryUrl, { caFile: ENDPOINTS.acme.caFile }));
    await prepareManagementCluster(stack, { sampleZone: ZONE });
  },
  /** A cluster that Hive has installed. */
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

/** Containers without a shell have no health check, so who needs them asks. */
async function waitFor(what: string, look: () => Promise<unknown>): Promise<void> {
  const giveUp = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    try {
      await look();
      return;
    } catch (cause) {
      if (performance.now() > giveUp) {
        const message = `${what} does not answer after ${READY_TIMEOUT_MS / 1000} s: ${messageOf(cause)}`;
        throw new LocalStackError({ message, next: 'See docker compose logs.', cause });
      }
    }
    await sleep(POLL_INTERVAL_MS);
  }
}

const [name = ''] = process.argv.slice(2);
const step = STEPS[name];
if (step === undefined)
  throw new LocalStackError({ message: `"${name}" is no step; there are ${Object.keys(STEPS).join(', ')}` });
await step();
process.stdout.write(`${name}: done\n`);
