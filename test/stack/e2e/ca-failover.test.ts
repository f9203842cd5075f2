/** Two real CAs, the first of which is killed while certificates are issued. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { certificateStatus, type Pebble, startPebble } from '../../../local/stack/parts/pebble.ts';
import { tlsFiles } from '../../../local/stack/tls.ts';
import { startCaProxy } from '../../support/acme/ca-proxy.ts';
import { waitFor } from '../../support/e2e/checks.ts';
import { createClusters, type E2eCluster } from '../../support/e2e/clusters.ts';
import { getRequest, recordsCertificate, waitForEvents } from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { scrape } from '../../support/e2e/prometheus.ts';
import type { FaultProxy } from '../../support/faults/fault-proxy.ts';
import { endProcesses, expectExit, runCertman } from '../../support/process/certman-process.ts';

/** On one core, 200 come close to the bound of a test. `FAILOVER_CLUSTERS=200` rehearses with them. */
const CLUSTERS = Number(process.env['FAILOVER_CLUSTERS'] ?? 60);
const SECOND = 'second-account';

const lab = useE2eHarness({ worker: false });
let second: Pebble;
let secondCa: FaultProxy;

interface RequestStatus {
  readonly issued?: boolean;
  readonly serialNumber?: string;
  readonly acmeServer?: string;
  readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message: string }[];
}

beforeAll(async () => {
  const { stateDir, dns, acme } = lab().stack;
  const tls = await tlsFiles(join(stateDir, 'tls'));
  const context = { stateDir, signal: new AbortController().signal };
  second = await startPebble({ ...context, name: 'second-ca', tls, dnsServer: dns.address });
  secondCa = await startCaProxy(lab().stack, second);
  const directoryUrl = `${secondCa.url}/dir`;
  const args = ['account', 'create', '--directory', directoryUrl, '--secret', SECOND, '--agree-tos', '--apply'];
  const environment = { ...lab().commandEnvironment(), KUBECONFIG: lab().stack.kubernetes.adminKubeconfig };
  await expectExit(runCertman(args, environment));
  const trustBundle = join(stateDir, 'both-roots.pem');
  const roots = await Promise.all([acme, second].map(({ rootsFile }) => readFile(rootsFile, 'utf8')));
  await writeFile(trustBundle, roots.join('\n'));
  await lab().startWorker({
    environment: {
      CERTMAN_FALLBACK_ACCOUNTS: `${SECOND}=${directoryUrl}`,
      CERTMAN_FAILOVER_AFTER: '1s',
      CERTMAN_TRUST_BUNDLE: trustBundle,
      CERTMAN_RESYNC_INTERVAL: '5s',
    },
  });
});
afterAll(async () => {
  await endProcesses();
  await secondCa?.close();
  await second?.stop();
});

const hosts = () => ({ first: new URL(lab().ca.url).host, second: new URL(secondCa.url).host });

async function certificates(clusters: readonly E2eCluster[]): Promise<ReadonlyMap<E2eCluster, RequestStatus>> {
  const all = await Promise.all(
    clusters.map(async (cluster) => [cluster, (await getRequest(lab(), cluster))?.['status'] ?? {}] as const),
  );
  return new Map(all.filter(([, status]) => (status as RequestStatus).issued === true));
}

async function waitForCertificates(clusters: readonly E2eCluster[], count: number) {
  return await waitFor(`${count} certificates`, async () => {
    const found = await certificates(clusters);
    return found.size >= count ? found : `there are ${found.size}`;
  });
}

test('every cluster has its certificate when the first CA is killed, and none is replaced', async () => {
  const ofFirst = Math.ceil(CLUSTERS / 4);
  let finalizations = 0;
  // However fast the machine is: the rest is under way when the CA is killed.
  lab().ca.inject({
    when: ({ path }) => path.startsWith('/finalize-order/') && (finalizations += 1) > ofFirst,
    fault: { kind: 'cutBefore' },
  });
  const clusters = await createClusters(lab(), 'failover', CLUSTERS);
  await waitForCertificates(clusters, ofFirst);
  await lab().stack.part('pebble').kill();
  const before = await certificates(clusters);
  const after = await waitForCertificates(clusters, CLUSTERS);
  for (const [cluster, { serialNumber }] of before) expect(after.get(cluster)?.serialNumber).toBe(serialNumber);

  const ofSecond = [...after].filter(([, { acmeServer }]) => acmeServer === hosts().second);
  expect(ofSecond.length).toBeGreaterThan(0);
  expect([...after.values()].filter(({ acmeServer }) => acmeServer === hosts().first)).toHaveLength(
    CLUSTERS - ofSecond.length,
  );
  for (const [cluster, { serialNumber = '', conditions }] of ofSecond.slice(0, 3)) {
    expect((await certificateStatus(second, serialNumber)).Status).toBe('Valid');
    await waitForEvents(
      lab(),
      cluster,
      `It is from the fallback CA ${hosts().second}: ${hosts().first} has failed since`,
    );
    const ready = conditions?.find(({ type }) => type === 'Ready');
    expect(ready).toMatchObject({ status: 'True' });
    expect(ready?.message).toContain(`its renewal is ordered from ${hosts().first} again`);
  }
  const metrics = await scrape(lab().workers()[0]?.metricsUrl ?? '');
  expect(metrics.value('certman_ca_up', { ca: hosts().first })).toBe(0);
  const { first: from, second: to } = hosts();
  expect(metrics.value('certman_ca_failovers_total', { from, to })).toBeGreaterThanOrEqual(ofSecond.length);
  // Two resyncs, which would have what counts as of another CA evaluated again.
  await new Promise((resolve) => setTimeout(resolve, 11_000));
  const serialsIn = (found: ReadonlyMap<E2eCluster, RequestStatus>): ReadonlySet<string | undefined> =>
    new Set([...found.values()].map(({ serialNumber }) => serialNumber));
  expect(serialsIn(await certificates(clusters))).toEqual(serialsIn(after));
});

test('a renewal while it is still away is ordered from the second CA again', async () => {
  const [cluster] = await createClusters(lab(), 'again', 1);
  if (cluster === undefined) throw new Error('no cluster was created');
  const [status] = (await waitForCertificates([cluster], 1)).values();
  await waitFor('its workflow knows the certificate', async () =>
    (await recordsCertificate(lab(), cluster, status?.serialNumber ?? '')) ? {} : 'not yet',
  );
  await expectExit(runCertman(['renew', `${cluster.namespace}/${cluster.name}`], lab().commandEnvironment()));
  await waitFor('another certificate', async () => {
    const found = (await certificates([cluster])).get(cluster);
    return found?.serialNumber !== status?.serialNumber && found?.acmeServer === hosts().second ? {} : 'it is the same';
  });
});
