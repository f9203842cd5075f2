/** The steps of docker-compose.yml that are certman's own: `node local/compose/step.ts NAME`. Done again, each changes nothing that works. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ListHostedZonesByNameCommand, Route53Client } from '@aws-sdk/client-route-53';
import { withAdmin } from '../admin-client.ts';
import { ask } from '../http.ts';
import { prepareHub } from '../hub.ts';
import { keepClosedWorkflows } from '../parts/temporal.ts';
import { LocalProblem, messageOf } from '../problem.ts';
import { createSampleClusters } from '../sample-cluster.ts';
import { openStack } from '../stack.ts';
import { forgetDeletedZones } from '../zones.ts';
import { ENDPOINTS, ZONE } from './layout.ts';
import { prepareVolume } from './prepare.ts';

const READY_WITHIN_MS = 180_000;
const LOOK_AGAIN_MS = 500;

const stack = openStack(ENDPOINTS);
const { adminKubeconfig } = ENDPOINTS.kubernetes;

const STEPS: Readonly<Record<string, () => Promise<void>>> = {
  /** Keys and configuration files. moto forgets its zones at a restart, and CoreDNS does not start with one that is not there. */
  prepare: async () => {
    await prepareVolume();
    await withRoute53((route53) => forgetDeletedZones(route53, ENDPOINTS.dns.zonesDir));
  },
  /** The hosted zone, once: two of one name would be an error that certman reports. */
  zone: async () => {
    if (await hasZone(ZONE)) return;
    await stack.createZone(ZONE);
  },
  /** CRDs, rights, the ACME account, the kubeconfig of the worker, and Temporal's retention. */
  hub: async () => {
    await until('the Kubernetes API', () =>
      withAdmin(adminKubeconfig, (admin) => admin.getJson('/api/v1/namespaces?limit=1')),
    );
    await until('Temporal', () => keepClosedWorkflows(ENDPOINTS.temporal.address));
    await until('the ACME CA', () => ask(ENDPOINTS.acme.directoryUrl, { caFile: ENDPOINTS.acme.caFile }));
    await prepareHub(stack, { sampleZone: ZONE });
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
async function until(what: string, look: () => Promise<unknown>): Promise<void> {
  const giveUp = performance.now() + READY_WITHIN_MS;
  for (;;) {
    try {
      await look();
      return;
    } catch (cause) {
      if (performance.now() > giveUp) {
        const message = `${what} does not answer after ${READY_WITHIN_MS / 1000} s: ${messageOf(cause)}`;
        throw new LocalProblem({ message, next: 'See docker compose logs.', cause });
      }
    }
    await sleep(LOOK_AGAIN_MS);
  }
}

const [name = ''] = process.argv.slice(2);
const step = STEPS[name];
if (step === undefined)
  throw new LocalProblem({ message: `"${name}" is no step; there are ${Object.keys(STEPS).join(', ')}` });
await step();
process.stdout.write(`${name}: done\n`);
