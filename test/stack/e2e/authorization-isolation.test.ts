/**
 * A standalone CertificateRequest gets no certificate for names of others, even when the shared account already has a valid
 * authorization for them, which the CA always reuses here (RFC 8555 §7.4.1). Nor does certman revoke certificates of others.
 */
import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { issuanceWorkflowId } from '../../../src/contract/ids.ts';
import { NAMESPACES, SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { ADOPT_ANNOTATION } from '../../../src/kubernetes/objects/secret-ownership.ts';
import { forgedKeyOf } from '../../support/certificates/forged-key.ts';
import { selfSigned } from '../../support/certificates/self-signed.ts';
import { createDouble } from '../../support/dns/hosted-zones.ts';
import { waitFor } from '../../support/e2e/checks.ts';
import { createCluster } from '../../support/e2e/clusters.ts';
import {
  activitiesOf,
  caLog,
  decommissionResultOf,
  expectDecommissioned,
  getRequest,
  getSecret,
  txtRecords,
  waitUntilCertified,
} from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { conditionOf, createRequest, deleteRequest } from '../../support/e2e/standalone-requests.ts';

const lab = useE2eHarness({ pebble: { authzReuse: 100 } });

/** @returns the last failure of an order's pending activity. */
async function pendingFailure(workflowId: string): Promise<string> {
  const { raw } = await lab().client.workflow.getHandle(workflowId).describe();
  return raw.pendingActivities?.[0]?.lastFailure?.message ?? '';
}

test('a request that cannot publish in a zone gets no certificate for names with a reusable authorization', async () => {
  const cluster = await createCluster(lab(), 'prey');
  await waitUntilCertified(lab(), cluster);
  const { serials } = await caLog(lab());
  // Any AWS account can create a hosted zone of any name; it has no delegation.
  const zone = `prey.${lab().zone.name}`;
  const zoneId = await createDouble(lab(), zone);
  const dnsNames = cluster.dnsNames.filter((name) => name.startsWith('api.'));
  const thief = await createRequest(lab(), 'thief', { dnsNames, spec: { acmeDNSDomain: zone } });

  const order = issuanceWorkflowId(thief.identity, 'thief', 1);
  await waitFor('the propagation check fails', async () => {
    const failure = await pendingFailure(order).catch(() => '');
    return failure.includes('_acme-challenge.api.prey') ? {} : failure;
  });
  // The CA was not asked for an order.
  expect((await activitiesOf(lab(), order)).map(({ type }) => type)).toEqual(['publishAndVerify']);
  expect(await getSecret(lab(), thief)).toBeUndefined();
  expect((await caLog(lab())).serials).toEqual(serials);
  await deleteRequest(lab(), thief);
  await expectDecommissioned(lab(), thief);
  expect([...(await txtRecords(lab(), zoneId)).keys()]).toEqual([]);
});

test('a second request for the same names verifies its own TXT records and answers no challenges', async () => {
  const first = await createRequest(lab(), 'mine');
  await waitUntilCertified(lab(), first);
  const second = await createRequest(lab(), 'also-mine', { namespace: 'mine', dnsNames: first.dnsNames });
  await waitUntilCertified(lab(), second);
  const order = issuanceWorkflowId(second.identity, 'also-mine', 1);
  expect((await activitiesOf(lab(), order)).map(({ type }) => type)).toEqual(['publishAndVerify', 'placeOrder']);
  for (const request of [first, second]) await deleteRequest(lab(), request);
  for (const request of [first, second]) await expectDecommissioned(lab(), request);
});

test('deleting a request does not revoke a foreign certificate in a Secret that it adopted without the matching key', async () => {
  const cluster = await createCluster(lab(), 'victim');
  const { serialNumber } = await waitUntilCertified(lab(), cluster);
  const data = (await getSecret(lab(), cluster))?.['data'] as Readonly<Record<string, string>>;
  const { publicKey } = new X509Certificate(Buffer.from(data['tls.crt'] ?? '', 'base64'));
  const keys = { robber: selfSigned().keyPem, forger: forgedKeyOf(publicKey) };
  for (const [name, keyPem] of Object.entries(keys)) {
    // Without credentials no order succeeds, so the Secret keeps its content. The Secret is created first: a later change would
    // trigger another attempt during the deletion.
    await lab().kubernetes.create(NAMESPACES, { metadata: { name } });
    await lab().kubernetes.create(SECRETS, {
      metadata: { namespace: name, name: `${name}-cert`, annotations: { [ADOPT_ANNOTATION]: name } },
      type: 'kubernetes.io/tls',
      data: { 'tls.crt': data['tls.crt'], 'tls.key': Buffer.from(keyPem).toString('base64') },
    });
    const robber = await createRequest(lab(), name, {
      spec: { platform: { aws: { credentials: {}, region: 'us-east-1' } } },
    });
    await waitFor(`${name} reports missing credentials`, async () => {
      const failing = conditionOf(await getRequest(lab(), robber), 'Failing');
      return failing?.reason === 'DnsCredentialsMissing' ? {} : `its condition is ${JSON.stringify(failing)}`;
    });
    await deleteRequest(lab(), robber);
    const { bundles } = await decommissionResultOf(lab(), robber);
    expect(bundles).toMatchObject([{ revocations: [{ serialNumber, outcome: 'notIssuedHere' }] }]);
  }
  expect(await lab().stack.acme.statusOf(serialNumber)).toMatchObject({ Status: 'Valid' });
});
