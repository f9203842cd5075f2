/** The end of a cluster in every state of its certificates: afterwards asked of the CA, the DNS and the API server. */
import { describe, expect, test } from 'vitest';
import { certificateInSecret, statusAtCa, within } from '../../../local/demo/checks.ts';
import { SECRETS } from '../../../src/kubernetes/kubernetes-api.ts';
import {
  changeCluster,
  deleteCluster,
  type LifeCluster,
  newCluster,
  unservedZone,
} from '../../support/life-clusters.ts';
import {
  allOf,
  caLog,
  eventsOf,
  expectCleared,
  getDeployment,
  getRequest,
  getSecret,
  revokeAtCa,
  stagingSecrets,
  statusOf,
  txtRecords,
} from '../../support/life-evidence.ts';
import { useLifeLab } from '../../support/life-lab.ts';

const SHORT_S = 12;

const ACCESS_DENIED = `<?xml version="1.0"?>
<ErrorResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/">
  <Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User is not authorized</Message></Error>
  <RequestId>0</RequestId>
</ErrorResponse>`;

const lab = useLifeLab({
  pebble: { profiles: { default: 90 * 86_400, short: SHORT_S } },
  worker: { CERTMAN_COMPARISON_INTERVAL: '10s' },
});

async function issued(name: string) {
  const cluster = await newCluster(lab(), name);
  return { cluster, ...(await certificateInSecret(lab().kubernetes, cluster, undefined, 60)) };
}

/** Until its bundle is in one of these states. */
async function inState(cluster: LifeCluster, ...states: readonly string[]): Promise<void> {
  await within(60, `${cluster.name} is ${states.join(' or ')}`, async () => {
    const { state } = (await statusOf(lab(), cluster).catch(() => undefined))?.bundles['primary'] ?? {};
    return state !== undefined && states.includes(state) ? {} : `it is ${state ?? 'not known'}`;
  });
}

async function published(zoneId: string): Promise<void> {
  await within(60, 'the TXT records are published', async () => {
    const records = await txtRecords(lab(), zoneId);
    return records.size > 0 ? {} : 'there is none';
  });
}

const outcomes = (ledger: Awaited<ReturnType<typeof expectCleared>>) =>
  ledger.bundles.flatMap(({ revocations }) => revocations.map(({ serialNumber, outcome }) => [serialNumber, outcome]));

describe('a cluster that is deleted', () => {
  test('asleep is revoked and cleared away, and its workflow ends with a ledger', async () => {
    const { cluster, serialNumber } = await issued('asleep');
    await deleteCluster(lab(), cluster);
    const ledger = await expectCleared(lab(), cluster, { revoked: [serialNumber] });
    expect(await lab().stack.acme.statusOf(serialNumber)).toEqual({ Status: 'Revoked', Reason: 5 });
    expect(ledger).toEqual({
      cluster: cluster.identity,
      bundles: [
        {
          bundleName: 'primary',
          revocations: [{ serialNumber, outcome: 'revoked', message: expect.stringContaining('reason 5') as string }],
          removed: [`Secret asleep/${cluster.secretName}`, `CertificateRequest asleep/${cluster.requestName}`],
        },
      ],
      finalizerReleased: true,
    });
  });

  test('before it was installed is let go at once', async () => {
    const cluster = await newCluster(lab(), 'uninstalled', { installed: false });
    await deleteCluster(lab(), cluster);
    await within(5, 'it is gone', async () =>
      (await getDeployment(lab(), cluster)) === undefined ? {} : 'it is there',
    );
  });

  test('in the moment of its installation leaves nothing', async () => {
    const cluster = await newCluster(lab(), 'hasty');
    await deleteCluster(lab(), cluster);
    await within(30, 'it is gone', async () =>
      (await getDeployment(lab(), cluster)) === undefined ? {} : 'it is there',
    );
    // What had begun before it was seen to be gone has its time.
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    await within(30, 'nothing is left', async () => {
      const left = [await getSecret(lab(), cluster), await getRequest(lab(), cluster)].filter(Boolean);
      return left.length + (await stagingSecrets(lab(), cluster)).length === 0 ? {} : 'something is left';
    });
  });

  test('while its TXT records are looked for has them withdrawn, and no certificate is made', async () => {
    const zone = await unservedZone(lab(), 'unserved.example.com');
    const cluster = await newCluster(lab(), 'mid-order', { zone });
    await published(zone.zoneId);
    const before = await caLog(lab());
    await deleteCluster(lab(), cluster);
    const ledger = await expectCleared(lab(), cluster, { zoneId: zone.zoneId });
    expect(outcomes(ledger)).toEqual([['', 'missing']]);
    expect((await caLog(lab())).serials).toEqual(before.serials);
  });

  test('while its new certificate is still at the CA has that revoked too', async () => {
    const before = (await caLog(lab())).serials.length;
    const withheld = lab().ca.inject({
      when: ({ path }) => path.startsWith('/certZ/'),
      fault: { kind: 'answer', status: 503, headers: { 'retry-after': '2' } },
    });
    const cluster = await newCluster(lab(), 'mid-install');
    const serial = await within(60, 'the CA has issued', async () => {
      const serials = (await caLog(lab())).serials.slice(before);
      return withheld.hits() > 0 && serials[0] !== undefined ? { serial: serials[0] } : 'it has not';
    });
    await deleteCluster(lab(), cluster);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    withheld.remove();
    const ledger = await expectCleared(lab(), cluster, { revoked: [serial.serial], seconds: 60 });
    expect(outcomes(ledger)).toContainEqual([serial.serial, 'revoked']);
  });

  test('while it waits for something that is missing is let go', async () => {
    const cluster = await newCluster(lab(), 'failing', { installed: false });
    await lab().kubernetes.delete(SECRETS, { namespace: cluster.namespace, name: 'aws' });
    await changeCluster(lab(), cluster, { spec: { installed: true } });
    await inState(cluster, 'Waiting');
    await deleteCluster(lab(), cluster);
    await expectCleared(lab(), cluster);
  });

  test('whose names the CA refuses is let go', async () => {
    const zone = { name: 'blocked-domain.example', ...(await lab().stack.createZone('blocked-domain.example')) };
    const cluster = await newCluster(lab(), 'refused', { zone });
    await inState(cluster, 'Waiting', 'Failing');
    await deleteCluster(lab(), cluster);
    await expectCleared(lab(), cluster, { zoneId: zone.zoneId });
  });

  test.each([
    ['paused', { metadata: { annotations: { 'hive.openshift.io/reconcile-pause': 'true' } } }],
    ['unmanaged', { metadata: { labels: { 'api.openshift.com/managed': 'false' } } }],
    ['fake', { metadata: { annotations: { 'managed.openshift.com/fake': 'true' } } }],
  ])('behind a closed gate (%s) is revoked and cleared away all the same', async (gate, patch) => {
    const { cluster, serialNumber } = await issued(`gate-${gate}`);
    await changeCluster(lab(), cluster, patch);
    await inState(cluster, 'Paused');
    await deleteCluster(lab(), cluster);
    await expectCleared(lab(), cluster, { revoked: [serialNumber] });
  });

  test('because it moved to another hub keeps its certificate valid', async () => {
    const { cluster, serialNumber } = await issued('moved');
    await changeCluster(lab(), cluster, {
      metadata: { annotations: { 'hive.openshift.io/relocate': 'other/outgoing' } },
    });
    await inState(cluster, 'Paused');
    await deleteCluster(lab(), cluster);
    await expectCleared(lab(), cluster);
    await statusAtCa(lab().stack, serialNumber, 'Valid');
  });

  test('with its finalizer forced away is revoked and cleared away behind it', async () => {
    const { cluster, serialNumber } = await issued('forced');
    await changeCluster(lab(), cluster, { metadata: { finalizers: null } });
    await deleteCluster(lab(), cluster);
    await expectCleared(lab(), cluster, { revoked: [serialNumber] });
  });

  test('with its Secret gone first has the certificate revoked from memory', async () => {
    const { cluster, serialNumber } = await issued('secretless');
    await lab().kubernetes.delete(SECRETS, { namespace: cluster.namespace, name: cluster.secretName });
    await deleteCluster(lab(), cluster);
    await expectCleared(lab(), cluster, { revoked: [serialNumber] });
  });

  test('whose certificate somebody revoked already counts that as done', async () => {
    const { cluster, serialNumber, certificate } = await issued('revoked');
    await revokeAtCa(lab(), certificate);
    await deleteCluster(lab(), cluster);
    const ledger = await expectCleared(lab(), cluster, { revoked: [serialNumber] });
    expect(outcomes(ledger)).toEqual([[serialNumber, 'alreadyRevoked']]);
    expect(await lab().stack.acme.statusOf(serialNumber)).toMatchObject({ Reason: 1 });
  });

  test('with its AWS credentials gone is revoked and cleared away', async () => {
    const { cluster, serialNumber } = await issued('credless');
    await lab().kubernetes.delete(SECRETS, { namespace: cluster.namespace, name: 'aws' });
    await deleteCluster(lab(), cluster);
    await expectCleared(lab(), cluster, { revoked: [serialNumber] });
  });

  test('with its whole namespace is revoked, and the namespace can go', async () => {
    const { cluster, serialNumber } = await issued('evicted');
    await lab().stack.kubectl(['delete', 'namespace', cluster.namespace, '--wait=true', '--timeout=60s']);
    await expectCleared(lab(), cluster, { revoked: [serialNumber] });
  });
});

test('TXT records that AWS refuses to have withdrawn hold the end up, say so, and go when that is put right', async () => {
  const zone = await unservedZone(lab(), 'locked.example.com');
  const cluster = await newCluster(lab(), 'locked', { zone });
  await published(zone.zoneId);
  const refusal = lab().route53.inject({
    when: () => true,
    fault: { kind: 'answer', status: 403, headers: { 'content-type': 'text/xml' }, body: ACCESS_DENIED },
  });
  await deleteCluster(lab(), cluster);
  await within(30, 'an Event says what holds it up', async () => {
    const said = await eventsOf(lab(), cluster);
    return said.some((one) => one.startsWith('DecommissionBlocked: ')) ? {} : `Events: ${said.join('; ')}`;
  });
  expect(await getDeployment(lab(), cluster)).toBeDefined();
  refusal.remove();
  // As somebody would who corrects the credentials.
  await lab().stack.kubectl(['annotate', 'secret', 'aws', '-n', cluster.namespace, 'example.com/corrected=true']);
  await expectCleared(lab(), cluster, { zoneId: zone.zoneId });
});

test('a cluster that was forced away while no worker ran is revoked and cleared away by the next one', async () => {
  const { cluster, serialNumber } = await issued('unwatched');
  await lab().stopWorkers();
  await deleteCluster(lab(), cluster);
  await changeCluster(lab(), cluster, { metadata: { finalizers: null } });
  await within(5, 'it is gone', async () => ((await getDeployment(lab(), cluster)) === undefined ? {} : 'it is there'));
  await lab().startWorker({ environment: { CERTMAN_ACME_PROFILE: 'short', CERTMAN_COMPARISON_INTERVAL: '10s' } });
  await expectCleared(lab(), cluster, { revoked: [serialNumber], seconds: 45 });
});

test('an expired certificate needs no revocation', async () => {
  // The worker of the test before asks for certificates of some seconds.
  const { cluster, serialNumber } = await issued('expired');
  await changeCluster(lab(), cluster, { metadata: { annotations: { 'hive.openshift.io/reconcile-pause': 'true' } } });
  await inState(cluster, 'Paused');
  const { certificate } = await certificateInSecret(lab().kubernetes, cluster, undefined, 5);
  await new Promise((resolve) =>
    setTimeout(resolve, Math.max(0, certificate.validToDate.getTime() - Date.now()) + 500),
  );
  await deleteCluster(lab(), cluster);
  const ledger = await expectCleared(lab(), cluster);
  expect(new Set(outcomes(ledger).map(([, outcome]) => outcome))).toEqual(new Set(['expired']));
  expect(outcomes(ledger).map(([serial]) => serial)).toContain(serialNumber);
});

test('no workflow that has ended is begun again by what the watch still sees', async () => {
  const query = `WorkflowType = 'clusterCertificates'`;
  const all = await allOf(lab().client.workflow.list({ query }));
  const ids = all.map(({ workflowId }) => workflowId);
  expect(ids.length).toBeGreaterThan(10);
  expect(all.filter(({ status }) => status.name === 'RUNNING').map(({ workflowId }) => workflowId)).toEqual([]);
  expect(new Set(ids).size).toBe(ids.length);
});
