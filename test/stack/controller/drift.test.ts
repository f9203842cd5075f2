/** Changes by other field managers to owned objects: signalled by the watch at once, and by the resync when it was interrupted. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { CERTIFICATE_REQUESTS, SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { STAGING_LABEL } from '../../../src/kubernetes/objects/secret-ownership.ts';
import { type Cluster, createCluster, waitForEvent, writeIssuedObjects } from '../../support/controller/clusters.ts';
import { type ControllerRun, QUIET_MS, useControllerHarness } from '../../support/controller/harness.ts';
import { useManagementCluster } from '../../support/kubernetes/management-cluster.ts';
import { startApiServerProxy } from '../../support/kubernetes/proxied-api-server.ts';
import { useStack } from '../../support/vitest/use-stack.ts';

const managementCluster = useManagementCluster();
const harness = useControllerHarness(managementCluster);

const REQUEST = ['certificaterequest', 'c1-primary'] as const;
const SECRET = ['secret', 'primary-cert'] as const;

/** Patches with kubectl, as a person does. */
function patch(cluster: Cluster, object: readonly string[], change: unknown, subresource?: string): Promise<unknown> {
  const kind = Array.isArray(change) ? 'json' : 'merge';
  return useStack().kubectl([
    'patch',
    ...object,
    '-n',
    cluster.namespace,
    `--type=${kind}`,
    '-p',
    JSON.stringify(change),
    ...(subresource === undefined ? [] : [`--subresource=${subresource}`]),
  ]);
}

interface Drift {
  readonly name: string;
  readonly make: (cluster: Cluster) => Promise<unknown>;
  /** The signal of the watch, and of the resync. */
  readonly messages: readonly [watch: string, resync: string];
}

const CHANGED_SECRET = 'The certificate Secret primary-cert was changed by another field manager.';
const OWNERSHIP_CHANGED =
  'The Secret primary-cert no longer belongs to its CertificateRequest: label or owner reference was changed.';
const CHANGED_STATUS = 'The status of the CertificateRequest c1-primary was changed by another field manager.';

const DRIFTS: readonly Drift[] = [
  {
    name: 'the key in the Secret',
    make: (cluster) => patch(cluster, SECRET, { data: { 'tls.key': 'YWJj' } }),
    messages: [CHANGED_SECRET, CHANGED_SECRET],
  },
  {
    name: 'the label of the Secret',
    make: (cluster) => patch(cluster, SECRET, { metadata: { labels: { certificate_request: null } } }),
    messages: [OWNERSHIP_CHANGED, 'The certificate Secret primary-cert lacks its label certificate_request.'],
  },
  {
    name: 'the owner reference of the Secret',
    make: (cluster) => patch(cluster, SECRET, { metadata: { ownerReferences: null } }),
    messages: [OWNERSHIP_CHANGED, 'The certificate Secret primary-cert lacks its owner reference.'],
  },
  {
    name: 'the label of a staging Secret, added',
    make: (cluster) => patch(cluster, SECRET, { metadata: { labels: { [STAGING_LABEL]: 'true' } } }),
    messages: ['The Secret primary-cert was deleted.', 'The certificate Secret primary-cert is missing.'],
  },
  {
    name: 'the names in the request',
    make: (cluster) => patch(cluster, REQUEST, { spec: { dnsNames: ['api.other.example.com'] } }),
    messages: [
      'The spec of the CertificateRequest c1-primary was changed by another field manager.',
      'The CertificateRequest c1-primary was changed by another field manager: dnsNames.',
    ],
  },
  {
    name: 'the Secret that the request names',
    make: (cluster) => patch(cluster, REQUEST, { spec: { certificateSecret: { name: 'other-cert' } } }),
    messages: [
      'The spec of the CertificateRequest c1-primary was changed by another field manager.',
      'The CertificateRequest c1-primary was changed by another field manager: certificateSecret.',
    ],
  },
  {
    name: 'the owner reference of the request',
    make: (cluster) => patch(cluster, REQUEST, { metadata: { ownerReferences: null } }),
    messages: [
      'The owner reference of the CertificateRequest c1-primary was removed.',
      'The CertificateRequest c1-primary lacks its owner reference.',
    ],
  },
  {
    name: 'the finalizer of the request',
    make: (cluster) => patch(cluster, REQUEST, { metadata: { finalizers: null } }),
    messages: [
      'The finalizer of the CertificateRequest c1-primary was removed.',
      'The CertificateRequest c1-primary lacks its finalizer.',
    ],
  },
  {
    name: 'a field of the status',
    make: (cluster) => patch(cluster, REQUEST, { status: { state: 'Failing' } }, 'status'),
    messages: [CHANGED_STATUS, CHANGED_STATUS],
  },
  {
    name: 'the whole status',
    make: (cluster) => patch(cluster, REQUEST, [{ op: 'remove', path: '/status' }], 'status'),
    messages: [CHANGED_STATUS, CHANGED_STATUS],
  },
];

/** Certified before there is a watch. */
async function certified(status: Readonly<Record<string, unknown>> = {}): Promise<Cluster> {
  const cluster = await createCluster(managementCluster());
  await writeIssuedObjects(managementCluster(), cluster, 'one', status);
  return cluster;
}

/** Certified, and the watch has seen it. */
async function seenCertified(run: ControllerRun): Promise<Cluster> {
  const cluster = await createCluster(managementCluster());
  await run.untilReceived(cluster, ['observed']);
  await run.untilHandled(await writeIssuedObjects(managementCluster(), cluster));
  return cluster;
}

describe('the watch', () => {
  test('signals each change by another field manager at once, and once', async () => {
    // Without a resync: each signal comes from the watch.
    const run = await harness().startController({ resyncIntervalMs: 86_400_000 });
    const clusters = await Promise.all(DRIFTS.map(async (drift) => ({ drift, cluster: await seenCertified(run) })));
    for (const { drift, cluster } of clusters) {
      await drift.make(cluster);
      await run.untilReceived(cluster, ['observed', drift.messages[0]]);
    }
    await sleep(QUIET_MS);
    for (const { drift, cluster } of clusters)
      expect(await run.receivedSignals(cluster)).toEqual(['observed', drift.messages[0]]);
  });

  test('ignores labels and annotations of others', async () => {
    const run = await harness().startController();
    const cluster = await seenCertified(run);
    await patch(cluster, SECRET, { metadata: { labels: { theirs: 'x' }, annotations: { theirs: 'x' } } });
    await patch(cluster, REQUEST, { metadata: { labels: { theirs: 'x' }, annotations: { theirs: 'x' } } });
    await sleep(QUIET_MS);
    expect(await run.receivedSignals(cluster)).toEqual(['observed']);
  });
});

test('a program that keeps changing an object causes signals at a limited rate, and is named in an Event', async () => {
  const run = await harness().startController();
  const cluster = await seenCertified(run);
  const message = 'The spec of the CertificateRequest c1-primary was changed by another field manager.';
  for (let time = 0; time < 9; time += 1)
    await patch(cluster, REQUEST, { spec: { dnsNames: [`api-${time}.other.example.com`] } });
  const event = await waitForEvent(managementCluster(), cluster, 'FieldManagerConflict');
  expect(event).toMatchObject({ type: 'Warning', involvedObject: { kind: 'ClusterDeployment', name: cluster.name } });
  expect(event['message']).toContain('field manager kubectl-patch');
  const signalled = ['observed', ...Array<string>(5).fill(message)];
  await run.untilReceived(cluster, signalled);
  await sleep(QUIET_MS);
  expect(await run.receivedSignals(cluster)).toEqual(signalled);
});

describe('the resync', () => {
  test('signals each change that the watch has missed, once, and nothing else', async () => {
    const proxied = await startApiServerProxy(managementCluster().certmanConfig);
    for (const kind of ['secrets', 'certificaterequests']) {
      proxied.proxy.inject({
        when: ({ path }) => path.includes(`/${kind}?`) && path.includes('watch='),
        fault: { kind: 'hang' },
      });
    }
    const clusters = await Promise.all(DRIFTS.map(async (drift) => ({ drift, cluster: await certified() })));
    const inTwoDays = new Date(Date.now() + 2 * 86_400_000).toISOString();
    const others = {
      missing: await certified(),
      secretless: await certified(),
      staging: await certified({ acmeServer: 'staging.example' }),
      overdue: await certified({ renewalTime: '2026-01-01T00:00:00Z' }),
      healthy: await certified({ acmeServer: 'ca.example', renewalTime: inTwoDays }),
    };
    const run = await harness().startController({
      kubernetes: proxied.api,
      resyncIntervalMs: 1_000,
      caHost: 'ca.example',
    });
    for (const { cluster } of clusters) await run.untilReceived(cluster, ['observed'], /^observed/);
    for (const cluster of Object.values(others)) await run.untilReceived(cluster, ['observed'], /^observed/);
    await patch(others.healthy, SECRET, { metadata: { labels: { theirs: 'x' }, annotations: { theirs: 'x' } } });
    await patch(others.healthy, REQUEST, { spec: { renewBeforeDays: 3 } });
    for (const { drift, cluster } of clusters) await drift.make(cluster);
    const { missing, secretless } = others;
    const ofMissing = { namespace: missing.namespace, name: 'c1-primary' };
    await managementCluster().admin.patch(CERTIFICATE_REQUESTS, ofMissing, [
      { op: 'remove', path: '/metadata/finalizers' },
    ]);
    await managementCluster().admin.delete(CERTIFICATE_REQUESTS, ofMissing);
    await managementCluster().admin.delete(SECRETS, { namespace: secretless.namespace, name: 'primary-cert' });

    const expected: readonly (readonly [Cluster, string])[] = [
      ...clusters.map(({ drift, cluster }) => [cluster, drift.messages[1]] as const),
      [missing, 'The CertificateRequest c1-primary is missing.'],
      [secretless, 'The certificate Secret primary-cert is missing.'],
      [
        others.staging,
        'The certificate in the Secret primary-cert is from staging.example; orders go to ca.example now.',
      ],
      [others.overdue, 'The CertificateRequest c1-primary was due at 2026-01-01T00:00:00Z.'],
    ];
    for (const [cluster, what] of expected) await run.untilReceived(cluster, ['observed', what]);
    await sleep(3_000);
    for (const [cluster, what] of expected) expect(await run.receivedSignals(cluster)).toEqual(['observed', what]);
    expect(await run.receivedSignals(others.healthy)).toEqual(['observed']);
    await run.stop();
    await proxied.close();
  });
});
