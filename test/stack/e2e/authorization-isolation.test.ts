/**
 * A CertificateRequest that stands alone gets no certificate for names that are not its maker's, not even where the CA holds
 * them for proved: the account's authorizations, which serve every cluster, are always reused here (RFC 8555 §7.4.1). Nor does
 * the account revoke for it what is not its own.
 */
import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { issuanceWorkflowId } from '../../../src/contract/ids.ts';
import { SECRETS } from '../../../src/kubernetes/objects/resources.ts';
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
  untilCertified,
} from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { conditionOf, createRequest, deleteRequest } from '../../support/e2e/standalone-requests.ts';
import { NAMESPACES } from '../../support/kubernetes/namespaces.ts';

const lab = useE2eHarness({ pebble: { authzReuse: 100 } });

/** Why the step that an order is at has not succeeded yet. */
async function inVain(workflowId: string): Promise<string> {
  const { raw } = await lab().client.workflow.getHandle(workflowId).describe();
  return raw.pendingActivities?.[0]?.lastFailure?.message ?? '';
}

test('a name that a cluster has proved is not had by who cannot publish in its zone', async () => {
  const cluster = await createCluster(lab(), 'prey');
  await untilCertified(lab(), cluster);
  const { serials } = await caLog(lab());
  // Anybody can make a hosted zone of any name in an AWS account of their own; nothing is delegated to it.
  const zone = `prey.${lab().zone.name}`;
  const zoneId = await createDouble(lab(), zone);
  const dnsNames = cluster.dnsNames.filter((name) => name.startsWith('api.'));
  const thief = await createRequest(lab(), 'thief', { dnsNames, spec: { acmeDNSDomain: zone } });

  const order = issuanceWorkflowId(thief.identity, 'thief', 1);
  await waitFor('the proof is looked for in vain', async () => {
    const why = await inVain(order).catch(() => '');
    return why.includes('_acme-challenge.api.prey') ? {} : why;
  });
  expect((await activitiesOf(lab(), order)).map(({ type }) => type)).toEqual([
    'placeOrder',
    'publishTxtRecords',
    'verifyPropagation',
  ]);
  expect(await getSecret(lab(), thief)).toBeUndefined();
  expect((await caLog(lab())).serials).toEqual(serials);
  await deleteRequest(lab(), thief);
  await expectDecommissioned(lab(), thief);
  expect([...(await txtRecords(lab(), zoneId)).keys()]).toEqual([]);
});

test('names that are its maker’s are proved again, without the CA having to look', async () => {
  const first = await createRequest(lab(), 'mine');
  await untilCertified(lab(), first);
  const second = await createRequest(lab(), 'also-mine', { namespace: 'mine', dnsNames: first.dnsNames });
  await untilCertified(lab(), second);
  const order = issuanceWorkflowId(second.identity, 'also-mine', 1);
  expect((await activitiesOf(lab(), order)).map(({ type }) => type).toSorted()).toEqual([
    'finalizeOrder',
    'installCertificate',
    'placeOrder',
    'publishTxtRecords',
    'verifyPropagation',
    'withdrawTxtRecords',
  ]);
  for (const request of [first, second]) await deleteRequest(lab(), request);
  for (const request of [first, second]) await expectDecommissioned(lab(), request);
});

test('a certificate that its maker has no key of is not revoked at the end of a request whose Secret holds it', async () => {
  const cluster = await createCluster(lab(), 'victim');
  const { serialNumber } = await untilCertified(lab(), cluster);
  const data = (await getSecret(lab(), cluster))?.['data'] as Readonly<Record<string, string>>;
  const { publicKey } = new X509Certificate(Buffer.from(data['tls.crt'] ?? '', 'base64'));
  const keys = { robber: selfSigned().keyPem, forger: forgedKeyOf(publicKey) };
  for (const [name, keyPem] of Object.entries(keys)) {
    // With names that cannot be proved, so that nothing takes the place of what is in the Secret.
    // The Secret is there first: nothing that comes later has the order tried again while the request is deleted.
    await lab().kubernetes.create(NAMESPACES, { metadata: { name } });
    await lab().kubernetes.create(SECRETS, {
      metadata: { namespace: name, name: `${name}-cert` },
      type: 'kubernetes.io/tls',
      data: { 'tls.crt': data['tls.crt'], 'tls.key': Buffer.from(keyPem).toString('base64') },
    });
    const robber = await createRequest(lab(), name, {
      spec: { platform: { aws: { credentials: {}, region: 'us-east-1' } } },
    });
    await waitFor(`the ${name} shows that there are no credentials`, async () => {
      const failing = conditionOf(await getRequest(lab(), robber), 'Failing');
      return failing?.reason === 'DnsCredentialsMissing' ? {} : `it says ${JSON.stringify(failing)}`;
    });
    await deleteRequest(lab(), robber);
    const { bundles } = await decommissionResultOf(lab(), robber);
    expect(bundles).toMatchObject([{ revocations: [{ serialNumber, outcome: 'notIssuedHere' }] }]);
  }
  expect(await lab().stack.acme.statusOf(serialNumber)).toMatchObject({ Status: 'Valid' });
});
