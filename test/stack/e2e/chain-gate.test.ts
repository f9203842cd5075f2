/** Chains that clients, or Hive, would refuse: clusters keep what they have until the CA, or Hive's trust, is corrected. */
import { readFile } from 'node:fs/promises';
import { dumpYaml } from '@kubernetes/client-node';
import { expect, test } from 'vitest';
import { renew } from '../../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../../src/contract/ids.ts';
import { SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { withoutIntermediate } from '../../support/acme/without-intermediate.ts';
import { selfSigned } from '../../support/certificates/self-signed.ts';
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

const lab = useE2eHarness({ pebble: { chainLength: 2 }, worker: { CERTMAN_HIVE_TRUST_CHECK: 'on' } });

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

async function waitUntilRefused(cluster: E2eCluster): Promise<Condition> {
  return await waitFor('the request says why nothing is installed', async () => {
    const found = (await conditions(cluster)).find(({ type }) => type === 'Failing');
    return found?.reason === 'CertificateChainNotTrusted' ? found : JSON.stringify(found ?? null);
  });
}

async function refusedChains(reason: string): Promise<number> {
  const { metricsUrl } = lab().workers()[0] ?? expect.fail('no worker');
  return (await scrape(metricsUrl)).value('certman_refused_chains_total', { reason }) ?? 0;
}

/** The kubeconfig that Hive connects by, as an entry of `data`. */
function kubeconfigTrusting(caPem: string): string {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'admin',
    clusters: [
      { name: 'c1', cluster: { server: 'https://api.example.com:6443', 'certificate-authority-data': btoa(caPem) } },
    ],
    contexts: [{ name: 'admin', context: { cluster: 'c1', user: 'admin' } }],
    users: [{ name: 'admin', user: {} }],
  };
  return btoa(dumpYaml(config));
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
  const failing = await waitUntilRefused(cluster);
  expect(failing.status).toBe('True');
  expect(failing.message).toMatch(/certificate 2 of 2 \(CN=.+\) was signed by ".+", which is neither in the chain nor/);
  expect(failing.message).toContain('The Secret is unchanged.');
  expect((await conditions(cluster)).find(({ type }) => type === 'Ready')?.status).toBe('True');
  await waitFor('an Event says so', async () => {
    const events = (await eventsOf(lab(), cluster)).join('\n');
    return events.includes('is not installed: its chain would be refused by clients') ? {} : events;
  });
  expect(await refusedChains('noTrustedRoot')).toBeGreaterThanOrEqual(1);
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

test('a certificate of a control plane is installed only once Hive trusts it, by the same order', async () => {
  const secretName = 'hive-trust-admin-kubeconfig';
  const spec = { clusterMetadata: { adminKubeconfigSecretRef: { name: secretName } } };
  const cluster = await createCluster(lab(), 'hive-trust', { patch: { spec }, installed: false });
  const key = { namespace: cluster.namespace, name: secretName };
  const data = { kubeconfig: kubeconfigTrusting(selfSigned().chainPem) };
  await lab().kubernetes.create(SECRETS, { metadata: key, data });
  const { orders: before } = await caLog(lab());
  await patchCluster(lab(), cluster, { spec: { installed: true } });

  const failing = await waitUntilRefused(cluster);
  expect(failing.message).toMatch(
    /which Hive does not trust, by the kubeconfig in Secret \S+\/hive-trust-admin-kubeconfig/,
  );
  expect(failing.message).toContain('x509: certificate signed by unknown authority');
  expect(failing.message).toContain('additionalCertificateAuthoritiesSecretRef');
  expect(await refusedChains('notTrustedByHive')).toBeGreaterThanOrEqual(1);
  expect(await getSecret(lab(), cluster)).toBeUndefined();

  const roots = await readFile(lab().stack.acme.rootsFile, 'utf8');
  const value = kubeconfigTrusting(`${selfSigned().chainPem}\n${roots}`);
  await lab().kubernetes.patch(SECRETS, key, [{ op: 'replace', path: '/data/kubeconfig', value }]);
  const workflow = lab().client.workflow.getHandle(clusterWorkflowId(cluster.identity));
  await workflow.executeUpdate(renew, { args: [{}] });
  await waitUntilCertified(lab(), cluster);
  expect((await caLog(lab())).orders).toBe(before + 1);
});
