/**
 * Deletion at special moments, and blocked by Route 53. deletion-matrix.test.ts covers every state with every fault,
 * bad-input.test.ts clusters that wait for missing or rejected input.
 */
import { describe, expect, test } from 'vitest';
import { waitFor } from '../../support/e2e/checks.ts';
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
  waitUntilCertified,
  waitUntilNoneRuns,
} from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';

const ACCESS_DENIED = `<?xml version="1.0"?>
<ErrorResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/">
  <Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User is not authorized</Message></Error>
  <RequestId>0</RequestId>
</ErrorResponse>`;

const lab = useE2eHarness({ worker: { CERTMAN_RESYNC_INTERVAL: '10s' } });

async function createIssued(name: string) {
  const cluster = await createCluster(lab(), name);
  // Not only the Secret: the order that has written it is complete.
  return { cluster, ...(await waitUntilCertified(lab(), cluster)) };
}

async function waitForPublication(zoneId: string): Promise<void> {
  await waitFor('the TXT records are published', async () => {
    const records = await txtRecords(lab(), zoneId);
    return records.size > 0 ? {} : 'there are none';
  });
}

const outcomes = (result: Awaited<ReturnType<typeof expectDecommissioned>>) =>
  result.bundles.flatMap(({ revocations }) => revocations.map(({ serialNumber, outcome }) => [serialNumber, outcome]));

describe('a ClusterDeployment that is deleted', () => {
  test('while Ready has its certificate revoked and its Secret deleted, and the workflow returns the result', async () => {
    const { cluster, serialNumber } = await createIssued('asleep');
    await deleteCluster(lab(), cluster);
    const result = await expectDecommissioned(lab(), cluster, { revoked: [serialNumber] });
    expect(await lab().stack.acme.statusOf(serialNumber)).toMatchObject({ Status: 'Revoked', Reason: 5 });
    expect(result).toEqual({
      cluster: cluster.identity,
      bundles: [
        {
          bundleName: 'primary',
          revocations: [{ serialNumber, outcome: 'revoked', message: expect.stringContaining('reason 5') as string }],
          removed: [`Secret asleep/${cluster.secretName}`, `CertificateRequest asleep/${cluster.requestName}`],
          certificates: [expect.objectContaining({ serialNumber })],
          failures: [],
        },
      ],
      finalizerRemoved: true,
      finalizer: 'released',
    });
  });

  test('right after it was installed leaves no Secret and no CertificateRequest', async () => {
    const cluster = await createCluster(lab(), 'hasty');
    await deleteCluster(lab(), cluster);
    await waitFor('it is gone', async () =>
      (await getClusterDeployment(lab(), cluster)) === undefined ? {} : 'it is there',
    );
    // Activities that were in progress at the deletion may still write.
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    await waitFor('no object is left', async () => {
      const left = [await getSecret(lab(), cluster), await getRequest(lab(), cluster)].filter(Boolean);
      return left.length + (await stagingSecrets(lab(), cluster)).length === 0 ? {} : 'objects are left';
    });
  });

  test('before its issued certificate is downloaded has that certificate revoked', async () => {
    const before = (await caLog(lab())).serials.length;
    const withheld = lab().ca.inject({
      when: ({ path }) => path.startsWith('/certZ/'),
      fault: { kind: 'answer', status: 503, headers: { 'retry-after': '2' } },
    });
    const cluster = await createCluster(lab(), 'mid-install');
    const serial = await waitFor('the CA has issued the certificate', async () => {
      const serials = (await caLog(lab())).serials.slice(before);
      return withheld.hits() > 0 && serials[0] !== undefined ? { serial: serials[0] } : 'it has not';
    });
    await deleteCluster(lab(), cluster);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    withheld.remove();
    const result = await expectDecommissioned(lab(), cluster, { revoked: [serial.serial] });
    expect(outcomes(result)).toContainEqual([serial.serial, 'revoked']);
  });
});

test('TXT records that Route 53 refuses to delete block the decommission with an Event until the credentials are corrected', async () => {
  const zone = await createUnservedZone(lab(), 'locked.example.com');
  const cluster = await createCluster(lab(), 'locked', { zone });
  await waitForPublication(zone.zoneId);
  const rejection = lab().route53.inject({
    when: () => true,
    fault: { kind: 'answer', status: 403, headers: { 'content-type': 'text/xml' }, body: ACCESS_DENIED },
  });
  await deleteCluster(lab(), cluster);
  await waitFor('an Event reports the block', async () => {
    const events = await eventsOf(lab(), cluster);
    return events.some((event) => event.startsWith('DecommissionBlocked: ')) ? {} : `Events: ${events.join('; ')}`;
  });
  expect(await getClusterDeployment(lab(), cluster)).toBeDefined();
  rejection.remove();
  // A change of the credentials Secret triggers the next attempt.
  await lab().stack.kubectl(['annotate', 'secret', 'aws', '-n', cluster.namespace, 'example.com/corrected=true']);
  await expectDecommissioned(lab(), cluster, { zoneId: zone.zoneId });
});

test('a ClusterDeployment deleted without its finalizer while no worker runs is decommissioned by the next worker', async () => {
  const { cluster, serialNumber } = await createIssued('unwatched');
  await lab().stopWorkers();
  await deleteCluster(lab(), cluster);
  await patchCluster(lab(), cluster, { metadata: { finalizers: null } });
  await waitFor('it is gone', async () =>
    (await getClusterDeployment(lab(), cluster)) === undefined ? {} : 'it is there',
  );
  await lab().startWorker({ environment: { CERTMAN_RESYNC_INTERVAL: '10s' } });
  await expectDecommissioned(lab(), cluster, { revoked: [serialNumber] });
});

test('no completed workflow is started again by late watch events', async () => {
  await waitUntilNoneRuns(lab(), 'clusterCertificates');
  const query = `WorkflowType = 'clusterCertificates'`;
  const ids = (await collect(lab().client.workflow.list({ query }))).map(({ workflowId }) => workflowId);
  expect(ids.length).toBeGreaterThanOrEqual(5);
  expect(new Set(ids).size).toBe(ids.length);
});
