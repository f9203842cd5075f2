/**
 * Ends of clusters that come at a special moment, or are held up by a refusal. Every state with everything that can be wrong is in
 * deletion-matrix.test.ts, those that wait for something missing or refused in bad-input.test.ts.
 */
import { describe, expect, test } from 'vitest';
import { waitFor, waitForCertificate } from '../../support/e2e/checks.ts';
import { createCluster, createUnservedZone, deleteCluster, patchCluster } from '../../support/e2e/clusters.ts';
import {
  caLog,
  collect,
  eventsOf,
  expectDecommissioned,
  getClusterDeployment,
  getRequest,
  getSecret,
  stagingSecrets,
  txtRecords,
} from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';

const ACCESS_DENIED = `<?xml version="1.0"?>
<ErrorResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/">
  <Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User is not authorized</Message></Error>
  <RequestId>0</RequestId>
</ErrorResponse>`;

const lab = useE2eHarness({ worker: { CERTMAN_RESYNC_INTERVAL: '10s' } });

async function issued(name: string) {
  const cluster = await createCluster(lab(), name);
  return { cluster, ...(await waitForCertificate(lab().kubernetes, cluster, undefined)) };
}

async function published(zoneId: string): Promise<void> {
  await waitFor('the TXT records are published', async () => {
    const records = await txtRecords(lab(), zoneId);
    return records.size > 0 ? {} : 'there is none';
  });
}

const outcomes = (ledger: Awaited<ReturnType<typeof expectDecommissioned>>) =>
  ledger.bundles.flatMap(({ revocations }) => revocations.map(({ serialNumber, outcome }) => [serialNumber, outcome]));

describe('a cluster that is deleted', () => {
  test('asleep is revoked and cleared away, and its workflow ends with a ledger', async () => {
    const { cluster, serialNumber } = await issued('asleep');
    await deleteCluster(lab(), cluster);
    const ledger = await expectDecommissioned(lab(), cluster, { revoked: [serialNumber] });
    expect(await lab().stack.acme.statusOf(serialNumber)).toMatchObject({ Status: 'Revoked', Reason: 5 });
    expect(ledger).toEqual({
      cluster: cluster.identity,
      bundles: [
        {
          bundleName: 'primary',
          revocations: [{ serialNumber, outcome: 'revoked', message: expect.stringContaining('reason 5') as string }],
          removed: [`Secret asleep/${cluster.secretName}`, `CertificateRequest asleep/${cluster.requestName}`],
        },
      ],
      finalizerRemoved: true,
      finalizer: 'released',
    });
  });

  test('in the moment of its installation leaves nothing', async () => {
    const cluster = await createCluster(lab(), 'hasty');
    await deleteCluster(lab(), cluster);
    await waitFor('it is gone', async () =>
      (await getClusterDeployment(lab(), cluster)) === undefined ? {} : 'it is there',
    );
    // What had begun before it was seen to be gone has its time.
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    await waitFor('nothing is left', async () => {
      const left = [await getSecret(lab(), cluster), await getRequest(lab(), cluster)].filter(Boolean);
      return left.length + (await stagingSecrets(lab(), cluster)).length === 0 ? {} : 'something is left';
    });
  });

  test('while its new certificate is still at the CA has that revoked too', async () => {
    const before = (await caLog(lab())).serials.length;
    const withheld = lab().ca.inject({
      when: ({ path }) => path.startsWith('/certZ/'),
      fault: { kind: 'answer', status: 503, headers: { 'retry-after': '2' } },
    });
    const cluster = await createCluster(lab(), 'mid-install');
    const serial = await waitFor('the CA has issued', async () => {
      const serials = (await caLog(lab())).serials.slice(before);
      return withheld.hits() > 0 && serials[0] !== undefined ? { serial: serials[0] } : 'it has not';
    });
    await deleteCluster(lab(), cluster);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    withheld.remove();
    const ledger = await expectDecommissioned(lab(), cluster, { revoked: [serial.serial] });
    expect(outcomes(ledger)).toContainEqual([serial.serial, 'revoked']);
  });
});

test('TXT records that AWS refuses to have withdrawn hold the end up, say so, and go when that is put right', async () => {
  const zone = await createUnservedZone(lab(), 'locked.example.com');
  const cluster = await createCluster(lab(), 'locked', { zone });
  await published(zone.zoneId);
  const refusal = lab().route53.inject({
    when: () => true,
    fault: { kind: 'answer', status: 403, headers: { 'content-type': 'text/xml' }, body: ACCESS_DENIED },
  });
  await deleteCluster(lab(), cluster);
  await waitFor('an Event says what holds it up', async () => {
    const said = await eventsOf(lab(), cluster);
    return said.some((one) => one.startsWith('DecommissionBlocked: ')) ? {} : `Events: ${said.join('; ')}`;
  });
  expect(await getClusterDeployment(lab(), cluster)).toBeDefined();
  refusal.remove();
  // As somebody would who corrects the credentials.
  await lab().stack.kubectl(['annotate', 'secret', 'aws', '-n', cluster.namespace, 'example.com/corrected=true']);
  await expectDecommissioned(lab(), cluster, { zoneId: zone.zoneId });
});

test('a cluster that was forced away while no worker ran is revoked and cleared away by the next one', async () => {
  const { cluster, serialNumber } = await issued('unwatched');
  await lab().stopWorkers();
  await deleteCluster(lab(), cluster);
  await patchCluster(lab(), cluster, { metadata: { finalizers: null } });
  await waitFor('it is gone', async () =>
    (await getClusterDeployment(lab(), cluster)) === undefined ? {} : 'it is there',
  );
  await lab().startWorker({ environment: { CERTMAN_RESYNC_INTERVAL: '10s' } });
  await expectDecommissioned(lab(), cluster, { revoked: [serialNumber] });
});

test('no workflow that has ended is begun again by what the watch still sees', async () => {
  const query = `WorkflowType = 'clusterCertificates'`;
  const all = await collect(lab().client.workflow.list({ query }));
  const ids = all.map(({ workflowId }) => workflowId);
  expect(ids.length).toBeGreaterThanOrEqual(5);
  expect(all.filter(({ status }) => status.name === 'RUNNING').map(({ workflowId }) => workflowId)).toEqual([]);
  expect(new Set(ids).size).toBe(ids.length);
});
