/** TXT records that no withdrawal ever removes: those of a lost order, which the sweep removes, and persistent ones. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseAccountKey } from '../../../src/acme/account.ts';
import { Seals } from '../../../src/acme/seals.ts';
import { renew } from '../../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../../src/contract/ids.ts';
import { type SweptZone, sweepZones } from '../../../src/dns/txt-sweep.ts';
import { listServedZones } from '../../../src/kubernetes/objects/served-zones.ts';
import { createDnsProvider } from '../../../src/worker/dns-provider.ts';
import { putForeignTxt } from '../../support/dns/hosted-zones.ts';
import { readAccount } from '../../support/e2e/account-secret.ts';
import { waitFor } from '../../support/e2e/checks.ts';
import { createCluster, deleteCluster, type E2eCluster } from '../../support/e2e/clusters.ts';
import { expectDecommissioned, txtRecords, waitUntilCertified } from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { endProcesses, expectExit, runCertman } from '../../support/process/certman-process.ts';

const DAY = 86_400_000;

// Every order proves its names again.
const lab = useE2eHarness({ worker: false, pebble: { authzReuse: 0 } });
let cluster: E2eCluster;
let held: { remove: () => void };
/** A name of the cluster that is on no certificate. */
const other = (): string => `_acme-challenge.other.${cluster.name}.${cluster.zone}`;

beforeAll(async () => {
  process.env['AWS_ENDPOINT_URL'] = lab().stack.route53.endpoint;
  const worker = await lab().startWorker();
  const hung = lab().ca.inject({ when: ({ path }) => path.startsWith('/chalZ/'), fault: { kind: 'hang' }, times: 20 });
  held = hung;
  cluster = await createCluster(lab(), 'crashed');
  await waitFor('its records are published', async () => (hung.hits() > 0 ? {} : 'no challenge is answered yet'));
  await worker.kill();
  const { workflow } = lab().client;
  for await (const { workflowId } of workflow.list({ query: "ExecutionStatus = 'Running'" }))
    await workflow.getHandle(workflowId).terminate('lost');
  await putForeignTxt(lab(), other(), 'of cert-manager');
});
afterAll(async () => {
  delete process.env['AWS_ENDPOINT_URL'];
  await endProcesses();
});

async function sweep(now: number): Promise<readonly SweptZone[]> {
  const { kubernetes } = lab();
  const account = await readAccount(lab());
  const dns = createDnsProvider(
    {
      namespace: 'certman-operator',
      dnsBatchWindowMs: 0,
      fedramp: false,
      hostedZoneId: undefined,
      fedrampStandaloneRequests: false,
      route53RequestsPerSecond: 100,
      googleDnsRequestsPerSecond: 100,
      azureDnsRequestsPerSecond: 100,
      ambientAwsCredentials: 'labelled',
      challengeZoneId: undefined,
      challengeZoneSecret: undefined,
    },
    { kubernetes, needsNameServers: false },
  );
  const targets = await listServedZones(kubernetes, { managementCluster: 'hive' });
  const { signal } = new AbortController();
  const tags = new Seals(parseAccountKey(account['private-key']));
  const zones: SweptZone[] = [];
  for await (const zone of sweepZones(targets, { dns, tags, signal, requestIntervalMs: 0, now: () => now }))
    zones.push(zone);
  return zones;
}

test('stay while the order could be resumed, by the command too', async () => {
  const before = await txtRecords(lab());
  const names = cluster.dnsNames.map((name) => `_acme-challenge.${name.replace(/^\*\./, '')}`);
  expect([...before.keys()].sort()).toEqual([...names, other()].sort());
  for (const name of names) expect(before.get(name)).toEqual([expect.any(String), expect.stringMatching(/^"certman=/)]);
  const { stdout } = await expectExit(
    runCertman(['dns', 'sweep', '--json'], {
      ...lab().commandEnvironment(),
      AWS_ENDPOINT_URL: lab().stack.route53.endpoint,
    }),
  );
  const { zones } = JSON.parse(stdout) as { readonly zones: readonly SweptZone[] };
  expect(zones).toEqual([{ zoneName: lab().zone.name, outcome: 'swept', removed: [], inUse: names.length }]);
  expect(await txtRecords(lab())).toEqual(before);
});

test('are removed once the order has expired at the CA; those of others stay', async () => {
  const [swept] = await sweep(Date.now() + 30 * DAY);
  expect(swept).toMatchObject({ outcome: 'swept', inUse: 0 });
  expect(Object.fromEntries(await txtRecords(lab()))).toEqual({
    [other()]: ['"of cert-manager"'],
  });
});

test('of dns-persist-01 serve every order and outlast the sweep; the deletion removes them', async () => {
  held.remove();
  await lab().startWorker({ environment: { CERTMAN_ACME_CHALLENGE: 'dns-persist-01' } });
  const persistent = await createCluster(lab(), 'persistent');
  const first = await waitUntilCertified(lab(), persistent);
  // The worker serves this one again, too.
  await waitUntilCertified(lab(), cluster);
  const { 'account-url': accountUrl } = await readAccount(lab());
  const records = async (): Promise<ReadonlyMap<string, readonly string[]>> =>
    new Map([...(await txtRecords(lab()))].filter(([name]) => name.endsWith(`.${persistent.name}.${persistent.zone}`)));
  const published = await records();
  const value = (wildcard: boolean): string =>
    `"pebble.letsencrypt.org; accounturi=${accountUrl.trim()}${wildcard ? '; policy=wildcard' : ''}"`;
  expect(Object.fromEntries(published)).toEqual(
    Object.fromEntries(
      persistent.dnsNames.map((name) => [
        `_validation-persist.${name.replace(/^\*\./, '')}`,
        [value(name.startsWith('*.'))],
      ]),
    ),
  );

  await sweep(Date.now() + 30 * DAY);
  lab().route53.clearSeen();
  lab().ca.clearSeen();
  const handle = lab().client.workflow.getHandle(clusterWorkflowId(persistent.identity));
  await handle.executeUpdate(renew, { args: [{}] });
  const second = await waitFor('another certificate', async () => {
    const found = await waitUntilCertified(lab(), persistent);
    return found.serialNumber === first.serialNumber ? 'it is the first one' : found;
  });
  // A request whose nonce the CA refuses is sent again.
  const answered = new Set(
    lab()
      .ca.seen.map(({ path }) => path)
      .filter((path) => path.startsWith('/chalZ/')),
  );
  expect(answered.size).toBe(persistent.dnsNames.length);
  // Where the resolvers do not answer in time, the order reads the zone, and finds its records there.
  const changes = lab().route53.seen.filter(({ method, path }) => method === 'POST' && path.includes('/hostedzone/'));
  expect(changes.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
  expect(await records()).toEqual(published);

  await deleteCluster(lab(), persistent);
  await expectDecommissioned(lab(), persistent, { revoked: [first.serialNumber, second.serialNumber] });
});
