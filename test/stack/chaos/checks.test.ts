/** The checks of `npm run chaos` notice what they are there for: each fault is put there by hand, on a management cluster that was healthy. */
import { ChangeResourceRecordSetsCommand, Route53Client } from '@aws-sdk/client-route-53';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clusterWorkflowId, taskQueueOf } from '../../../src/contract/ids.ts';
import { SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { STAGING_LABEL } from '../../../src/kubernetes/objects/secret-ownership.ts';
import { certificateFindings } from '../../chaos/checks/certificates.ts';
import { issuedFindings } from '../../chaos/checks/issued.ts';
import { objectFindings, recordFindings, stagingFindings } from '../../chaos/checks/leftovers.ts';
import { decommissionFindings, idleFindings, workflowFindings } from '../../chaos/checks/workflows.ts';
import { SecretJournal } from '../../chaos/evidence/secret-journal.ts';
import { readCaLog } from '../../support/acme/ca-log.ts';
import { selfSigned } from '../../support/certificates/self-signed.ts';
import { waitForCertificate } from '../../support/e2e/checks.ts';
import { createClusters, type E2eCluster } from '../../support/e2e/clusters.ts';
import { revokeAtCa, waitUntilCertified } from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { eventually } from '../../support/vitest/eventually.ts';

const lab = useE2eHarness();
let journal: SecretJournal;
let clusters: readonly [E2eCluster, E2eCluster];
let serials: readonly [string, string];

beforeAll(async () => {
  journal = new SecretJournal(lab().kubernetes);
  const [one, other] = await createClusters(lab(), 'checked', 2);
  if (one === undefined || other === undefined) throw new Error('two clusters were to be made');
  clusters = [one, other];
  const [first, second] = [await waitUntilCertified(lab(), one), await waitUntilCertified(lab(), other)];
  serials = [first.serialNumber, second.serialNumber];
  await eventually(
    'both certificates in the journal',
    () => Promise.resolve(journal.certificates.length),
    (count) => count === 2,
  );
});

afterAll(() => journal.stop());

const issued = async () => (await readCaLog(lab().stack.stateDir)).issued;
const allOfIt = async () => ({ issued: await issued(), certificates: journal.certificates, orders: [] });

test('nothing is found where everything is in order', async () => {
  await expect(certificateFindings(lab(), clusters)).resolves.toEqual([]);
  await expect(issuedFindings(lab(), { ...(await allOfIt()), deleted: [] })).resolves.toEqual([]);
  await expect(recordFindings(lab())).resolves.toEqual([]);
  await expect(stagingFindings(lab())).resolves.toEqual([]);
  await expect(idleFindings(lab(), clusters)).resolves.toEqual([]);
  // Temporal lists the end of an issuance a little later than its result is known.
  await eventually(
    'no workflow is found',
    () => workflowFindings(lab()),
    (found) => found.length === 0,
  );
  expect(journal.broken).toEqual([]);
});

test('an existing cluster that should be deleted: its objects, its certificate, its workflow', async () => {
  const [one] = clusters;
  await expect(objectFindings(lab(), [one])).resolves.toMatchObject([
    { kind: 'leftover', what: expect.stringMatching(/^ClusterDeployment .*, held by certificaterequests/) },
    { kind: 'leftover', what: expect.stringMatching(/^CertificateRequest /) },
    { kind: 'leftover', what: `Secret ${one.namespace}/${one.secretName}` },
  ]);
  await expect(issuedFindings(lab(), { ...(await allOfIt()), deleted: [one] })).resolves.toEqual([
    {
      kind: 'leftover',
      what: `certificate ${serials[0]} of the deleted cluster ${one.namespace}, which the CA calls Valid`,
    },
  ]);
  await expect(decommissionFindings(lab(), [one])).resolves.toEqual([
    { kind: 'stuck', what: `${clusterWorkflowId(one.identity)} is RUNNING` },
  ]);
});

test('an issued certificate that was never in a Secret', async () => {
  const certificates = journal.certificates.filter(({ serialNumber }) => serialNumber !== serials[0]);
  const found = await issuedFindings(lab(), { ...(await allOfIt()), certificates, deleted: [] });
  expect(found).toMatchObject([{ kind: 'lost', what: expect.stringContaining(serials[0]) }]);
});

test('a failed workflow task, a terminated workflow, a running issuance', async () => {
  const { workflow } = lab().client;
  const unknown = await workflow.start('noSuchWorkflow', { taskQueue: taskQueueOf('hive'), workflowId: 'unknown' });
  await eventually(
    'the workflow task fails',
    () => unknown.fetchHistory(),
    ({ events }) => events?.some((event) => event.workflowTaskFailedEventAttributes) === true,
  );
  await unknown.terminate();
  await workflow.start('certificateIssuance', { taskQueue: 'unpolled', workflowId: 'issue/for-ever' });
  await eventually(
    'all three are found',
    () => workflowFindings(lab()),
    (found) => found.length === 3,
  );
  await expect(workflowFindings(lab())).resolves.toMatchObject([
    { kind: 'stuck', what: 'issue/for-ever is still running' },
    { kind: 'stuck', what: 'unknown ended as TERMINATED' },
    { kind: 'stuck', what: expect.stringMatching(/^workflow task of unknown failed/) },
  ]);
  await workflow.getHandle('issue/for-ever').terminate();
});

describe('without a worker', () => {
  beforeAll(() => lab().stopWorkers());

  test('a TXT record in the zone', async () => {
    const name = `_acme-challenge.api.checked-1.${lab().zone.name}`;
    await putTxt(name);
    await expect(recordFindings(lab())).resolves.toEqual([
      { kind: 'leftover', what: `TXT record ${name} with 1 values` },
    ]);
  });

  test('a staging Secret', async () => {
    const { namespace } = clusters[0];
    const metadata = { namespace, name: 'left-staging', labels: { [STAGING_LABEL]: 'true' } };
    await lab().kubernetes.create(SECRETS, { apiVersion: 'v1', kind: 'Secret', metadata });
    await expect(stagingFindings(lab())).resolves.toEqual([
      { kind: 'leftover', what: `staging Secret ${namespace}/left-staging` },
    ]);
  });

  test('a certificate that the CA has revoked', async () => {
    const { certificate } = await waitForCertificate(lab().kubernetes, clusters[1], undefined);
    await revokeAtCa(lab(), certificate);
    await expect(certificateFindings(lab(), [clusters[1]])).resolves.toMatchObject([
      { kind: 'lost', what: expect.stringContaining(`holds certificate ${serials[1]}, which the CA calls Revoked`) },
    ]);
  });

  test('a key of another certificate, by the check and by the watch', async () => {
    const { namespace, secretName: name } = clusters[0];
    const key = Buffer.from(selfSigned().keyPem).toString('base64');
    await lab().kubernetes.patch(SECRETS, { namespace, name }, [{ op: 'replace', path: '/data/tls.key', value: key }]);
    await expect(certificateFindings(lab(), [clusters[0]])).resolves.toMatchObject([
      { kind: 'lost', what: expect.stringContaining('is not the key of the certificate') },
    ]);
    await eventually(
      'the journal shows it',
      () => Promise.resolve(journal.broken),
      (broken) => broken.some((what) => what.includes(`${namespace}/${name}`)),
    );
  });

  test('a missing Secret', async () => {
    const { namespace, secretName: name } = clusters[0];
    await lab().kubernetes.delete(SECRETS, { namespace, name });
    await expect(certificateFindings(lab(), [clusters[0]])).resolves.toEqual([
      { kind: 'lost', what: `Secret ${namespace}/${name} is not there` },
    ]);
  });
});

async function putTxt(name: string): Promise<void> {
  const { endpoint, region, credentials } = lab().stack.route53;
  const client = new Route53Client({ endpoint, region, credentials });
  const set = { Name: name, Type: 'TXT' as const, TTL: 60, ResourceRecords: [{ Value: '"left"' }] };
  const batch = { Changes: [{ Action: 'UPSERT' as const, ResourceRecordSet: set }] };
  await client.send(new ChangeResourceRecordSetsCommand({ HostedZoneId: lab().zone.zoneId, ChangeBatch: batch }));
  client.destroy();
}
