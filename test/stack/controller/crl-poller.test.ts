/** The sweep of lists of revoked certificates, on a CA of the test's own (Pebble publishes none), a real API server and Temporal. */

import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { readLeaf } from '../../../src/acme/certificate.ts';
import type { CertificateFacts } from '../../../src/certificates/certificate-facts.ts';
import { ChainRevocations } from '../../../src/crl/chain-revocations.ts';
import { CrlFetcher } from '../../../src/crl/crl-fetcher.ts';
import { IssuerCheck } from '../../../src/issuance/issuer-check.ts';
import { certificateFacts } from '../../../src/kubernetes/objects/certificate-facts.ts';
import { SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { TrustStore } from '../../../src/x509/trust-store.ts';
import { type MadeCertificate, makeCertificate, pemOf } from '../../support/certificates/chains.ts';
import { type CrlServer, startCrlServer } from '../../support/certificates/crl-server.ts';
import { IssuingCa } from '../../support/certificates/issuing-ca.ts';
import { type Cluster, createCluster, writeIssuedObjects } from '../../support/controller/clusters.ts';
import { type ControllerOptions, type ControllerRun, useControllerHarness } from '../../support/controller/harness.ts';
import { watchesUnbroken } from '../../support/controller/watch-attempt.ts';
import { GRPC, isSignalTo, startTemporalFrontend } from '../../support/faults/temporal-frontend.ts';
import { useManagementCluster } from '../../support/kubernetes/management-cluster.ts';
import { LOOPBACK } from '../../support/network.ts';
import { eventually } from '../../support/vitest/eventually.ts';

/** Two rounds of the sweep: time enough for what must not happen. */
const TWO_ROUNDS_MS = 11_000;

const managementCluster = useManagementCluster();
const harness = useControllerHarness(managementCluster);
let ca: IssuingCa;
const sources: CrlFetcher[] = [];
const servers: CrlServer[] = [];
let serial = 0x00870000;

beforeAll(async () => {
  ca = await IssuingCa.create();
});
afterEach(() => Promise.all([...sources.splice(0), ...servers.splice(0)].map((one) => one.close())));

/** One for each test: a cluster of an earlier test finds no CRL. */
async function listServer(): Promise<CrlServer> {
  const server = await startCrlServer();
  servers.push(server);
  return server;
}

function watch(options: Omit<ControllerOptions, 'crlCheck'> = {}): Promise<ControllerRun> {
  const crlCheck = new CrlFetcher({ userAgent: 'certman/test', privateNetworks: [LOOPBACK] });
  sources.push(crlCheck);
  return harness().startController({ crlCheck, ...options });
}

interface Certified {
  readonly cluster: Cluster;
  readonly facts: CertificateFacts;
  /** As in the list. */
  readonly serialHex: string;
}

/** A cluster whose Secret holds a certificate of the CA, as the status of its CertificateRequest says. */
async function certified(crlUrl: string, status: Readonly<Record<string, unknown>> = {}): Promise<Certified> {
  const cluster = await createCluster(managementCluster());
  serial += 1;
  // A serial number whose first bit is set, as a CA may choose.
  const serialHex = `00${serial.toString(16)}`;
  return await withSecret(cluster, await ca.issue({ serialHex, crlUrl }), crlUrl, status, serialHex);
}

async function withSecret(
  cluster: Cluster,
  { chainPem, keyPem }: { readonly chainPem: string; readonly keyPem: string },
  crlUrl: string,
  status: Readonly<Record<string, unknown>> = {},
  serialHex = '',
): Promise<Certified> {
  const { certman } = managementCluster();
  const facts = certificateFacts(readLeaf(chainPem));
  const { serialNumber, issuerName, notBefore, notAfter } = facts;
  await writeIssuedObjects(managementCluster(), cluster, 'one', {
    serialNumber,
    issuerName,
    notBefore,
    notAfter,
    crlURL: crlUrl,
    ...status,
  });
  const data = { 'tls.crt': btoa(chainPem), 'tls.key': btoa(keyPem) };
  const metadata = { namespace: cluster.namespace, name: 'primary-cert' };
  await certman.apply(SECRETS, { metadata, type: 'kubernetes.io/tls', data });
  return { cluster, facts, serialHex };
}

const revoked = ({ facts }: Certified): string => `primary ${facts.serialNumber} revoked`;
const fetched = (server: CrlServer, path: string): Promise<string[]> =>
  eventually(
    `${path} is fetched`,
    () => Promise.resolve(server.seen),
    (seen) => seen.includes(path),
  );

test('a revocation whose signal Temporal refuses for a while is signalled within a resync interval', async () => {
  const server = await listServer();
  const listed = await certified(`${server.url}/1.crl`);
  server.put('/1.crl', await ca.crl({ serials: [listed.serialHex] }));
  const frontend = await startTemporalFrontend(harness().env.address);
  onTestFinished(() => frontend.close());
  const isOfCluster = isSignalTo(listed.cluster);
  frontend.refuse(GRPC.UNIMPLEMENTED, (request) => isOfCluster(request) && request.body.includes('certificateRevoked'));
  const run = await watch({ temporalAddress: frontend.address, resyncIntervalMs: 1_000 });
  await eventually(
    'the poller gives up the signal',
    async () => run.logs,
    (lines) => lines.some((line) => line.startsWith('Temporal rejected') && line.includes(listed.cluster.namespace)),
  );
  expect(run.revokedCertificates()).toBe(0);
  frontend.serve();
  await run.untilReceived(listed.cluster, [revoked(listed)], /revoked$/);
  expect(run.revokedCertificates()).toBe(1);
});

describe('of all certificates', () => {
  test('exactly those on the CRL of their CA have their cluster signalled, once; each CRL is fetched once', async () => {
    const server = await listServer();
    const listed = await certified(`${server.url}/1.crl`);
    const cases = {
      'on the same CRL, not revoked': await certified(`${server.url}/1.crl`),
      'with an empty CRL': await certified(`${server.url}/2.crl`),
      'that was replaced in its Secret': await certified(`${server.url}/1.crl`, { serialNumber: '77' }),
      'that has expired': await certified(`${server.url}/expired.crl`, { notAfter: '2026-04-01T00:00:00Z' }),
      'that is in no Secret': await certified(`${server.url}/none.crl`, { issued: false }),
    };
    server.put('/1.crl', await ca.crl({ serials: ['05', listed.serialHex, '4d'] }));
    server.put('/2.crl', await ca.crl());
    const first = await watch();
    await first.untilReceived(listed.cluster, ['observed', revoked(listed)]);
    await fetched(server, '/2.crl');
    await sleep(TWO_ROUNDS_MS);
    expect(server.seen.toSorted()).toEqual(['/1.crl', '/2.crl']);
    expect(await first.receivedSignals(listed.cluster)).toEqual(['observed', revoked(listed)]);
    for (const [what, { cluster }] of Object.entries(cases))
      expect(await first.receivedSignals(cluster), what).toEqual(['observed']);
    expect(first.revokedCertificates()).toBe(1);
    expect(first.logs.filter((line) => line.startsWith('The CA has revoked a certificate'))).toHaveLength(1);
    expect(first.crlFetches.filter((outcome) => outcome === 'fetched').length).toBeGreaterThanOrEqual(2);
  });

  test('that are revoked are signalled again by the worker that takes over, which the workflow can ignore', async () => {
    const server = await listServer();
    const listed = await certified(`${server.url}/1.crl`);
    server.put('/1.crl', await ca.crl({ serials: [listed.serialHex] }));
    const first = await watch();
    await first.untilReceived(listed.cluster, ['observed', revoked(listed)]);
    await first.stop();
    const second = await watch({ managementCluster: first.managementCluster, worker: 'worker-2' });
    await second.untilReceived(listed.cluster, ['observed', revoked(listed), revoked(listed)]);
  });
});

describe('a CRL that', () => {
  test('is not signed by the issuer of the certificate that it revokes causes no signal', async () => {
    const server = await listServer();
    const named = await certified(`${server.url}/1.crl`);
    const impostor = await IssuingCa.create();
    server.put('/1.crl', await impostor.crl({ serials: [named.serialHex] }));
    const run = await watch();
    await eventually(
      'the CRL is rejected',
      () => Promise.resolve(run.crlFetches),
      (outcomes) => outcomes.includes('untrusted'),
    );
    await sleep(1_500);
    expect(await run.receivedSignals(named.cluster)).toEqual(['observed']);
    expect(run.revokedCertificates()).toBe(0);
    expect(run.logs.filter((line) => line.includes('has not signed it; nothing is done'))).toHaveLength(1);
  });

  test('is unusable does not affect others', async () => {
    const server = await listServer();
    await certified(`${server.url}/page.crl`);
    const listed = await certified(`${server.url}/1.crl`);
    server.put('/page.crl', (response) => response.writeHead(200).end('<html>Not found</html>'));
    server.put('/1.crl', await ca.crl({ serials: [listed.serialHex], nextUpdate: new Date('2026-01-03T00:00:00Z') }));
    const run = await watch();
    await run.untilReceived(listed.cluster, ['observed', revoked(listed)]);
    await fetched(server, '/page.crl');
    await eventually(
      'both are handled',
      () => Promise.resolve(run.crlFetches),
      (outcomes) => outcomes.includes('unusable') && outcomes.includes('outdated'),
    );
  });
});

test('a failing server is asked once for each CRL, logged once, and the watch continues', async () => {
  const server = await listServer();
  const some = [await certified(`${server.url}/1.crl`), await certified(`${server.url}/2.crl`)];
  for (const path of ['/1.crl', '/2.crl']) {
    server.put(path, (response) => response.writeHead(503, { 'retry-after': '7200' }).end());
  }
  const run = await watch();
  await eventually(
    'it is asked for both',
    () => Promise.resolve(server.seen),
    (seen) => seen.length > 1,
  );
  await sleep(TWO_ROUNDS_MS);
  expect(server.seen.toSorted()).toEqual(['/1.crl', '/2.crl']);
  const lines = run.logs.filter((line) => line.includes(server.url));
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('HTTP 503');
  for (const { cluster } of some) expect(await run.receivedSignals(cluster)).toEqual(['observed']);
  expect(await watchesUnbroken(harness().env.client, run.managementCluster)).toBe(true);
});

describe('an issuer that is revoked', () => {
  /** A cluster whose certificate comes from this issuer. */
  const issuedBy = async (issuer: MadeCertificate, crlUrl: string): Promise<Certified> => {
    const dnsNames = ['api.c1.example.com'];
    serial += 1;
    const serialHex = serial.toString(16).padStart(8, '0');
    const leaf = await makeCertificate({ name: 'api.c1.example.com', issuer, dnsNames, crlUrl, serialHex });
    const chain = { chainPem: pemOf(leaf, issuer), keyPem: leaf.keyPem };
    return await withSecret(await createCluster(managementCluster()), chain, crlUrl);
  };

  test('has the clusters signalled whose chains have it, and no chain that leads to no trusted root is looked at', async () => {
    const server = await listServer();
    const [root, forger] = [await makeCertificate({ name: 'Root' }), await makeCertificate({ name: 'Root' })];
    const revokedIssuer = await makeCertificate({
      name: 'Revoked',
      issuer: root,
      serialHex: '0a',
      crlUrl: `${server.url}/root.crl`,
    });
    const sound = await makeCertificate({
      name: 'Sound',
      issuer: root,
      serialHex: '0b',
      crlUrl: `${server.url}/root.crl`,
    });
    const forged = await makeCertificate({ name: 'Forged', issuer: forger, crlUrl: `${server.url}/forged.crl` });
    server.put('/root.crl', await root.crl(['0a']));
    server.put('/forged.crl', await forger.crl([]));
    const certificates = [
      await issuedBy(revokedIssuer, `${server.url}/1.crl`),
      await issuedBy(revokedIssuer, `${server.url}/1.crl`),
    ];
    server.put('/1.crl', await revokedIssuer.crl([]));
    const kept = [await issuedBy(sound, `${server.url}/2.crl`), await issuedBy(forged, `${server.url}/3.crl`)];
    server.put('/2.crl', await sound.crl([]));
    server.put('/3.crl', await forged.crl([]));
    const source = new CrlFetcher({ userAgent: 'certman/test', privateNetworks: [LOOPBACK] });
    sources.push(source);
    const roots = { of: () => new TrustStore([root.pem]) };
    const run = await watch({ issuerCheck: new IssuerCheck(roots, new ChainRevocations(source)) });
    for (const one of certificates) await run.untilReceived(one.cluster, ['observed', revoked(one)]);
    await fetched(server, '/2.crl');
    await fetched(server, '/3.crl');
    await sleep(TWO_ROUNDS_MS);
    for (const { cluster } of kept) expect(await run.receivedSignals(cluster)).toEqual(['observed']);
    // Those of the leaves, and once that of their issuers.
    expect(server.seen.toSorted()).toEqual(['/1.crl', '/2.crl', '/3.crl', '/root.crl']);
    expect(run.logs.filter((line) => line.startsWith('The CA has revoked the issuer of a certificate'))).toHaveLength(
      2,
    );
    expect(run.revokedCertificates()).toBe(2);
  });
});
