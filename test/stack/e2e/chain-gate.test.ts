/** The CA leaves an intermediate out of what it serves: clusters keep their certificates until it serves whole chains. */
import { expect, test } from 'vitest';
import { withoutIntermediate } from '../../support/acme/without-intermediate.ts';
import { expectStatusAtCa, waitFor, waitForCertificate } from '../../support/e2e/checks.ts';
import { createCluster, type E2eCluster, patchCluster } from '../../support/e2e/clusters.ts';
import {
  caLog,
  eventsOf,
  getRequest,
  getSecret,
  stagingSecrets,
  waitForNextAttempt,
  waitUntilCertified,
} from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { scrape } from '../../support/e2e/prometheus.ts';

const lab = useE2eHarness({ pebble: { chainLength: 2 } });

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

async function conditions(cluster: E2eCluster): Promise<readonly Condition[]> {
  const status = (await getRequest(lab(), cluster))?.['status'] as { readonly conditions?: readonly Condition[] };
  return status?.conditions ?? [];
}

test('nothing is installed meanwhile, the reason is shown, and the same order is completed afterwards', async () => {
  const cluster = await createCluster(lab(), 'whole');
  const first = await waitUntilCertified(lab(), cluster);
  const before = await getSecret(lab(), cluster);
  const ordersBefore = (await caLog(lab())).orders;

  const fault = withoutIntermediate(lab().ca);
  const domain = `whole.${lab().zone.name}`;
  const ingress = ['apps', 'more'].map((name) => ({
    name: name === 'apps' ? 'default' : name,
    domain: `${name}.${domain}`,
    servingCertificate: cluster.bundleName,
  }));
  await patchCluster(lab(), cluster, { spec: { ingress } });
  const failing = await waitFor('the request says why nothing is installed', async () => {
    const found = (await conditions(cluster)).find(({ type }) => type === 'Failing');
    return found?.reason === 'CertificateChainNotTrusted' ? found : JSON.stringify(found ?? null);
  });
  expect(failing.status).toBe('True');
  expect(failing.message).toMatch(/certificate 2 of 2 \(CN=.+\) was signed by ".+", which is neither in the chain nor/);
  expect(failing.message).toContain('The Secret is unchanged.');
  expect((await conditions(cluster)).find(({ type }) => type === 'Ready')?.status).toBe('True');
  await waitFor('an Event says so', async () => {
    const events = (await eventsOf(lab(), cluster)).join('\n');
    return events.includes('is not installed: its chain would be refused by clients') ? {} : events;
  });
  const { metricsUrl } = lab().workers()[0] ?? expect.fail('no worker');
  const refused = (await scrape(metricsUrl)).value('certman_refused_chains_total', { reason: 'noTrustedRoot' });
  expect(refused).toBeGreaterThanOrEqual(1);
  expect((await getSecret(lab(), cluster))?.['data']).toEqual(before?.['data']);
  expect(await stagingSecrets(lab(), cluster)).toHaveLength(1);

  fault.remove();

  // By the retry schedule, within a minute of the first failure.
  await waitForNextAttempt(lab(), cluster);
  const { serialNumber } = await waitForCertificate(lab().kubernetes, cluster, first.serialNumber);
  await waitFor('the failure is over', async () => {
    const found = (await conditions(cluster)).find(({ type }) => type === 'Failing');
    return found?.status === 'False' ? {} : JSON.stringify(found ?? null);
  });
  const encoded = (await getSecret(lab(), cluster))?.['data'] as { readonly 'tls.crt': string };
  expect(atob(encoded['tls.crt']).match(/BEGIN CERTIFICATE/g)).toHaveLength(3);
  const { orders, serials } = await caLog(lab());
  expect(orders).toBe(ordersBefore + 1);
  expect(serials.at(-1)).toBe(serialNumber);
  await expectStatusAtCa(lab().stack, serialNumber, 'Valid');
  expect(await stagingSecrets(lab(), cluster)).toEqual([]);
});
