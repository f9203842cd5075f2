/** The sweep of what clusters serve: real TLS servers, a real API server with certman's deployed rights, and Temporal. */
import { afterEach, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { readLeaf } from '../../../src/acme/certificate.ts';
import { notProbed } from '../../../src/certificates/served.ts';
import type { ServedCheck } from '../../../src/controller/controller-context.ts';
import { certificateFacts } from '../../../src/kubernetes/objects/certificate-facts.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS, CLUSTER_SYNCS } from '../../../src/kubernetes/objects/resources.ts';
import { withServed } from '../../../src/kubernetes/objects/served-condition.ts';
import { TlsProbe } from '../../../src/tls-probe/tls-probe.ts';
import { TrustStore } from '../../../src/x509/trust-store.ts';
import { IssuingCa } from '../../support/certificates/issuing-ca.ts';
import { startTlsServer, type TlsServer } from '../../support/certificates/tls-server.ts';
import { type Cluster, createCluster, eventsOn, keyOf, writeIssuedObjects } from '../../support/controller/clusters.ts';
import { type ControllerRun, useControllerHarness } from '../../support/controller/harness.ts';
import { useManagementCluster } from '../../support/kubernetes/management-cluster.ts';
import { LOOPBACK } from '../../support/network.ts';
import { eventually } from '../../support/vitest/eventually.ts';

const managementCluster = useManagementCluster();
const harness = useControllerHarness(managementCluster);
let ca: IssuingCa;
const servers: TlsServer[] = [];
let serial = 0x00880000;

beforeAll(async () => {
  ca = await IssuingCa.create('Served CA');
});
afterEach(() => Promise.all(servers.splice(0).map((server) => server.close())));

const statusSchema = z.looseObject({
  conditions: z.array(z.looseObject({ type: z.string(), status: z.string(), reason: z.string().optional() })),
});

function watch(change: Partial<ServedCheck> = {}): Promise<ControllerRun> {
  const resolve = () => Promise.resolve([{ address: '127.0.0.1', family: 4 }]);
  const roots = new TrustStore([ca.certificatePem]);
  return harness().startController({
    servedCheck: {
      tls: new TlsProbe({ privateNetworks: [LOOPBACK], resolve }),
      roots: { of: () => roots },
      intervalMs: 3_600_000,
      withinMs: 3_600_000,
      ...change,
    },
  });
}

async function issue() {
  serial += 1;
  const issued = await ca.issue({ serialHex: `00${serial.toString(16)}` });
  const { serialNumber, issuerName, notBefore, notAfter } = certificateFacts(readLeaf(issued.chainPem));
  return { ...issued, status: { serialNumber, issuerName, notBefore, notAfter } };
}

/** A cluster with a certificate that it serves at a port of its own. */
async function servingCluster(installedTime: string) {
  const cluster = await createCluster(managementCluster());
  const issued = await issue();
  const server = await startTlsServer(issued);
  servers.push(server);
  await managementCluster().admin.apply(
    CLUSTER_DEPLOYMENTS,
    { metadata: keyOf(cluster), status: { apiURL: `https://api.c1.example.com:${server.port}` } },
    { subresource: 'status' },
  );
  await writeIssuedObjects(managementCluster(), cluster, 'one', { ...issued.status, installedTime });
  return { cluster, server, issued };
}

async function untilServed(cluster: Cluster, reason: string) {
  const key = { namespace: cluster.namespace, name: `${cluster.name}-primary` };
  return await eventually(
    `Served of ${key.namespace}/${key.name} has the reason ${reason}`,
    async () => {
      const found = await managementCluster().admin.get(CERTIFICATE_REQUESTS, key);
      return statusSchema.parse(found?.['status']).conditions.find(({ type }) => type === 'Served');
    },
    (condition) => condition?.reason === reason,
  );
}

/** Long enough ago for a probe. */
const installedNow = (): string => new Date(Date.now() - 20_000).toISOString();

test('a certificate is followed until its cluster serves it, and every turn is an Event once', async () => {
  const { cluster, server } = await servingCluster(installedNow());
  const run = await watch();
  expect(await untilServed(cluster, 'Served')).toMatchObject({ status: 'True' });
  await expect.poll(() => run.servedLags).toEqual(['create']);
  // A renewal, which Hive has not brought over yet.
  const renewed = await issue();
  const key = { namespace: cluster.namespace, name: `${cluster.name}-primary` };
  const before = await managementCluster().certman.get(CERTIFICATE_REQUESTS, key);
  const old = statusSchema.parse(before?.['status']);
  await managementCluster().certman.apply(
    CERTIFICATE_REQUESTS,
    {
      metadata: key,
      status: {
        ...old,
        ...renewed.status,
        installedTime: installedNow(),
        replacedSerialNumber: old['serialNumber'],
        // As the workflow writes it: the condition of before is about another certificate.
        conditions: withServed(old.conditions, notProbed(renewed.status.serialNumber), new Date()),
      },
    },
    { subresource: 'status' },
  );
  expect(await untilServed(cluster, 'NotServedYet')).toMatchObject({
    status: 'False',
    message: expect.stringContaining('the previous certificate'),
  });
  server.present(renewed);
  expect(await untilServed(cluster, 'Served')).toMatchObject({ status: 'True' });
  await expect.poll(() => run.servedLags).toEqual(['create', 'renew']);
  const events = await eventually(
    'both turns are recorded',
    () => eventsOn(managementCluster(), cluster),
    (found) => found.filter((event) => event['reason'] === 'Served').length === 4,
  );
  expect(events.map((event) => event['reason'])).not.toContain('NotServed');
  await expect
    .poll(() => [...(run.fleet()?.requests ?? [])].find(({ namespace }) => namespace === cluster.namespace))
    .toMatchObject({ served: { status: 'True', reason: 'Served' } });
});

test('a certificate that is late is a Warning with what Hive says, and no longer once nothing is probed', async () => {
  const { cluster, server } = await servingCluster('2026-01-01T00:00:00Z');
  server.present(await issue());
  const { admin } = managementCluster();
  const failureMessage = 'the cluster refuses the Secret';
  const at = '2026-01-02T00:00:00Z';
  const syncSet = {
    name: 'c1-cp-certs',
    observedGeneration: 1,
    result: 'Failure',
    failureMessage,
    lastTransitionTime: at,
  };
  await admin.apply(CLUSTER_SYNCS, { metadata: keyOf(cluster) });
  await admin.apply(
    CLUSTER_SYNCS,
    { metadata: keyOf(cluster), status: { syncSets: [syncSet] } },
    { subresource: 'status' },
  );
  const run = await watch();
  expect(await untilServed(cluster, 'NotServed')).toMatchObject({
    status: 'False',
    message: expect.stringContaining(`Hive cannot apply its SyncSet c1-cp-certs: ${failureMessage}.`),
  });
  await eventually(
    'the Warning is recorded on the request and on the cluster',
    () => eventsOn(managementCluster(), cluster),
    (found) => found.filter(({ type, reason }) => type === 'Warning' && reason === 'NotServed').length === 2,
  );
  expect(run.servedLags).toEqual([]);
  await run.stop();
  await harness().startController({ servedCheck: 'none' });
  const key = { namespace: cluster.namespace, name: `${cluster.name}-primary` };
  await eventually(
    'the condition is removed',
    async () => (await admin.get(CERTIFICATE_REQUESTS, key))?.['status'],
    (status) => statusSchema.parse(status).conditions.every(({ type }) => type !== 'Served'),
  );
});
