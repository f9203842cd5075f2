/**
 * A certificate that its CA lists in a CRL is replaced. Pebble publishes no CRL, so the test installs a certificate of another CA
 * that does.
 */
import { defaultPayloadConverter } from '@temporalio/common';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { installSampleClusters } from '../../../local/stack/management-cluster/sample-cluster.ts';
import { issuanceWorkflowId } from '../../../src/contract/ids.ts';
import { SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { REQUEST_LABEL } from '../../../src/kubernetes/objects/secret-ownership.ts';
import { type CrlServer, startCrlServer } from '../../support/certificates/crl-server.ts';
import { IssuingCa } from '../../support/certificates/issuing-ca.ts';
import { createCluster, type E2eCluster } from '../../support/e2e/clusters.ts';
import { caLog, waitUntilCertified } from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { scrape } from '../../support/e2e/prometheus.ts';
import { eventually } from '../../support/vitest/eventually.ts';

/** The first bit of the number is set, so DER adds a zero byte. */
const REVOKED_HEX = '00f00d';
const REVOKED = String(0xf00d);

const lab = useE2eHarness({ worker: false });
let server: CrlServer;

beforeAll(async () => {
  server = await startCrlServer();
});
afterAll(() => server.close());

/** @returns the input of the bundle's first issuance. */
async function firstOrder(cluster: E2eCluster): Promise<unknown> {
  const workflowId = issuanceWorkflowId(cluster.identity, cluster.bundleName, 1);
  const { events } = await lab().client.workflow.getHandle(workflowId).fetchHistory();
  const [input] = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
  return input === undefined ? undefined : defaultPayloadConverter.fromPayload(input);
}

test('a certificate on a CRL is replaced by one order with the revocation as its reason', async () => {
  const ca = await IssuingCa.create();
  const crlUrl = `${server.url}/1.crl`;
  const cluster = await createCluster(lab(), 'revoked', { installed: false });
  const { chainPem, keyPem } = await ca.issue({ serialHex: REVOKED_HEX, crlUrl, dnsNames: cluster.dnsNames });
  await lab().kubernetes.apply(SECRETS, {
    metadata: {
      namespace: cluster.namespace,
      name: cluster.secretName,
      labels: { [REQUEST_LABEL]: cluster.requestName },
    },
    type: 'kubernetes.io/tls',
    data: { 'tls.crt': btoa(chainPem), 'tls.key': btoa(keyPem) },
  });
  server.put('/1.crl', await ca.crl({ serials: [REVOKED_HEX] }));
  await installSampleClusters(lab().stack, [cluster]);
  const worker = await lab().startWorker({ environment: { CERTMAN_PRIVATE_NETWORKS: '127.0.0.0/8' } });
  const { serialNumber } = await eventually(
    'the certificate is replaced',
    () => waitUntilCertified(lab(), cluster),
    (installed) => installed.serialNumber !== REVOKED,
  );
  expect(await firstOrder(cluster)).toMatchObject({ reason: `The CA has revoked certificate ${REVOKED}.` });
  expect(await caLog(lab())).toMatchObject({ orders: 1, serials: [serialNumber] });
  expect(server.seen).toEqual(['/1.crl']);
  const metrics = await scrape(worker.metricsUrl);
  expect(metrics.value('certman_revoked_certificates_total')).toBe(1);
  expect(metrics.value('certman_crl_fetches_total', { outcome: 'fetched' })).toBe(1);
});
