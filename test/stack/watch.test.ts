import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { ClusterIdentity } from '../../src/clusters/cluster-view.ts';
import {
  CERTIFICATE_REQUESTS,
  CLUSTER_DEPLOYMENTS,
  DNS_ZONES,
  EVENTS,
  FINALIZER,
  type KubernetesObject,
  SECRETS,
} from '../../src/kubernetes/kubernetes-api.ts';
import { CertCluster, CertState, clusterWorkflowId, watchStatus, watchWorkflowId } from '../../workflows/contract.ts';
import { createClusterDeployment, OPERATOR_NAMESPACE, useHub } from '../support/hub.ts';
import { proxyHub } from '../support/proxied-hub.ts';
import { finish, pretendState } from '../support/recording-workflows.ts';
import { useWatchLab, type WatchRun } from '../support/watch-lab.ts';

const hub = useHub();
const lab = useWatchLab();

type Cluster = Omit<ClusterIdentity, 'hive'>;

async function makeCluster(): Promise<Cluster> {
  return identityOf((await hub().cluster()).object);
}

function identityOf({ metadata }: KubernetesObject): Cluster {
  return { namespace: metadata.namespace ?? '', name: metadata.name, uid: metadata.uid ?? '' };
}

function keyOf({ namespace, name }: Cluster) {
  return { namespace, name };
}

async function patchCluster(cluster: Cluster, path: string, value: unknown): Promise<void> {
  await hub().admin.patch(CLUSTER_DEPLOYMENTS, keyOf(cluster), [{ op: 'add', path, value }]);
}

/** What the activities of an issuance write, as certman. */
async function pretendIssuance(cluster: Cluster, generation = 'one'): Promise<KubernetesObject> {
  const { certman } = hub();
  const { namespace, name, uid } = cluster;
  await certman.patch(CLUSTER_DEPLOYMENTS, keyOf(cluster), [
    { op: 'add', path: '/metadata/finalizers', value: [FINALIZER] },
  ]);
  const metadata = { namespace, name: `${name}-primary` };
  const request = await certman.apply(CERTIFICATE_REQUESTS, {
    metadata: {
      ...metadata,
      finalizers: [FINALIZER],
      ownerReferences: [
        {
          apiVersion: 'hive.openshift.io/v1',
          kind: 'ClusterDeployment',
          name,
          uid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: {
      acmeDNSDomain: 'example.com',
      certificateSecret: { name: 'primary-cert' },
      dnsNames: [`api.${name}.example.com`],
      email: 'sre@example.com',
      platform: { aws: { region: 'us-east-1', credentials: { name: 'aws' } } },
    },
  });
  const data = { 'tls.crt': btoa(generation), 'tls.key': btoa(generation) };
  await certman.apply(SECRETS, { metadata: { namespace, name: 'primary-cert' }, type: 'kubernetes.io/tls', data });
  await certman.apply(
    CERTIFICATE_REQUESTS,
    {
      metadata,
      status: { issued: true, status: 'Success', notBefore: '2026-01-01T00:00:00Z', notAfter: '2026-04-01T00:00:00Z' },
    },
    { subresource: 'status' },
  );
  return request;
}

/** Long enough for a signal that must not come to have come. */
const QUIET_MS = 1_500;

async function watching(comparisonIntervalMs?: number): Promise<WatchRun> {
  return await lab().watch({
    kubernetes: hub().certman,
    ...(comparisonIntervalMs === undefined ? {} : { comparisonIntervalMs }),
  });
}

describe('a cluster', () => {
  test('that is there already and one that comes are both told once to their workflows', async () => {
    const before = await makeCluster();
    const run = await watching();
    await run.untilTold(before, ['observed']);
    const after = await makeCluster();
    await run.untilTold(after, ['observed']);
    await sleep(QUIET_MS);
    expect(await run.told(before)).toEqual(['observed']);
    const description = await lab()
      .env.client.workflow.getHandle(clusterWorkflowId({ hive: run.hive, ...after }))
      .describe();
    expect(description.typedSearchAttributes.get(CertCluster)).toBe(`${after.namespace}/${after.name}`);
    expect(description.typedSearchAttributes.get(CertState)).toBe('Pending');
    expect(await description.staticSummary()).toBe(`Certificates of ${after.namespace}/${after.name} on ${run.hive}`);
  });

  test('is told again when it changes, and when it is being deleted', async () => {
    const run = await watching();
    const cluster = await makeCluster();
    await run.untilTold(cluster, ['observed']);
    await pretendIssuance(cluster);
    await patchCluster(cluster, '/spec/ingress', [
      { name: 'default', domain: 'apps.c1.example.com', servingCertificate: 'primary' },
    ]);
    await run.untilTold(cluster, ['observed', 'observed']);
    await hub().admin.delete(CLUSTER_DEPLOYMENTS, keyOf(cluster));
    await run.untilTold(cluster, ['observed', 'observed', 'observed deleting']);
  });

  test('is not told of what certman writes itself', async () => {
    const run = await watching();
    const cluster = await makeCluster();
    await run.untilTold(cluster, ['observed']);
    await pretendIssuance(cluster, 'one');
    await pretendIssuance(cluster, 'two');
    await sleep(QUIET_MS);
    expect(await run.told(cluster)).toEqual(['observed']);
  });

  test('that is decommissioned has its release not told to a second run', async () => {
    const run = await watching();
    const cluster = await makeCluster();
    await run.untilTold(cluster, ['observed']);
    await pretendIssuance(cluster);
    await hub().admin.delete(CLUSTER_DEPLOYMENTS, keyOf(cluster));
    await run.untilTold(cluster, ['observed', 'observed deleting']);
    await hub().certman.patch(CLUSTER_DEPLOYMENTS, keyOf(cluster), [{ op: 'remove', path: '/metadata/finalizers' }]);
    const handle = lab().env.client.workflow.getHandle(clusterWorkflowId({ hive: run.hive, ...cluster }));
    await handle.signal(finish);
    const { runId } = await handle.describe();
    await sleep(5_000);
    expect(await handle.describe()).toMatchObject({ runId, status: { name: 'COMPLETED' } });
  });

  test('whose finalizer is forced off and that vanishes is told as gone', async () => {
    const run = await watching();
    const cluster = await makeCluster();
    await run.untilTold(cluster, ['observed']);
    await pretendIssuance(cluster);
    await hub().admin.delete(CLUSTER_DEPLOYMENTS, keyOf(cluster));
    await run.untilTold(cluster, ['observed', 'observed deleting']);
    await hub().admin.patch(CLUSTER_DEPLOYMENTS, keyOf(cluster), [{ op: 'remove', path: '/metadata/finalizers' }]);
    await run.untilTold(cluster, ['observed', 'observed deleting', 'gone with primary']);
  });

  test('that vanishes before it has a finalizer is told as gone', async () => {
    const run = await watching();
    const cluster = await makeCluster();
    await run.untilTold(cluster, ['observed']);
    await hub().admin.delete(CLUSTER_DEPLOYMENTS, keyOf(cluster));
    await run.untilTold(cluster, ['observed', 'gone with primary']);
  });

  test('made again under its old name gets a workflow of its own', async () => {
    const run = await watching();
    const cluster = await makeCluster();
    await run.untilTold(cluster, ['observed']);
    await hub().admin.delete(CLUSTER_DEPLOYMENTS, keyOf(cluster));
    const again = identityOf(await createClusterDeployment(hub().admin, cluster.namespace, cluster.name));
    await run.untilTold(again, ['observed']);
    await run.untilTold(cluster, ['observed', 'gone with primary']);
  });

  test('whose finalizer somebody takes off is woken', async () => {
    const run = await watching();
    const cluster = await makeCluster();
    await run.untilTold(cluster, ['observed']);
    await pretendIssuance(cluster);
    await sleep(300);
    await hub().admin.patch(CLUSTER_DEPLOYMENTS, keyOf(cluster), [{ op: 'remove', path: '/metadata/finalizers' }]);
    await run.untilTold(cluster, ['observed', 'The finalizer of the ClusterDeployment was removed by somebody.']);
  });
});

async function eventsOn(cluster: Cluster): Promise<readonly KubernetesObject[]> {
  const events: KubernetesObject[] = [];
  for await (const event of hub().admin.list(EVENTS, { namespace: cluster.namespace })) events.push(event);
  return events;
}

async function untilEvent(cluster: Cluster, reason: string): Promise<KubernetesObject> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const found = (await eventsOn(cluster)).find((event) => event['reason'] === reason);
    if (found !== undefined) return found;
    await sleep(100);
  }
  throw new Error(`no Event ${reason}`);
}

describe('a cluster that is not served', () => {
  test('for want of the label says so once, in an Event and a gauge, and is served once it has it', async () => {
    const run = await watching();
    const { object } = await hub().cluster();
    const cluster = identityOf(object);
    await run.untilTold(cluster, ['observed']);
    const namespace = await hub().namespace();
    const { spec } = object;
    const made = await hub().admin.create(CLUSTER_DEPLOYMENTS, { metadata: { namespace, name: 'unmanaged' }, spec });
    if (made === undefined) throw new Error('not made');
    const unmanaged = identityOf(made);
    const event = await untilEvent(unmanaged, 'NotManaged');
    expect(event['message']).toContain('api.openshift.com/managed is missing');
    const shown = [...(run.fleet()?.clusters ?? [])].find((series) => series.namespace === namespace);
    expect(shown).toMatchObject({ gate: 'NotManaged' });
    await patchCluster(unmanaged, '/metadata/annotations', { note: 'nothing to certman' });
    await sleep(QUIET_MS);
    expect((await eventsOn(unmanaged)).map((each) => each['count'])).toEqual([1]);
    expect(await run.told(unmanaged)).toBeUndefined();
    await patchCluster(unmanaged, '/metadata/labels', { 'api.openshift.com/managed': 'true' });
    await run.untilTold(unmanaged, ['observed']);
  });

  test('for being unreadable says so in an Event, and the others go on', async () => {
    const run = await watching();
    const namespace = await hub().namespace();
    const made = await hub().admin.create(CLUSTER_DEPLOYMENTS, {
      metadata: { namespace, name: 'odd', labels: { 'api.openshift.com/managed': 'true' } },
      spec: {
        baseDomain: 'example.com',
        clusterName: 'odd',
        platform: {},
        installed: true,
        certificateBundles: 'none',
      },
    });
    if (made === undefined) throw new Error('not made');
    const event = await untilEvent(identityOf(made), 'Malformed');
    expect(event['message']).toContain('spec.certificateBundles');
    const cluster = await makeCluster();
    await run.untilTold(cluster, ['observed']);
    expect([...(run.fleet()?.clusters ?? [])].find((series) => series.namespace === namespace)?.gate).toBe('Malformed');
    await hub().admin.delete(CLUSTER_DEPLOYMENTS, { namespace, name: 'odd' });
  });

  test('because it is not installed is told once it is', async () => {
    const run = await watching();
    const namespace = await hub().namespace();
    const { object } = await hub().cluster();
    const made = await hub().admin.create(CLUSTER_DEPLOYMENTS, {
      metadata: { namespace, name: 'c1', labels: { 'api.openshift.com/managed': 'true' } },
      spec: { ...(object['spec'] as object), installed: false },
    });
    if (made === undefined) throw new Error('not made');
    await sleep(QUIET_MS);
    expect(await run.told(identityOf(made))).toBeUndefined();
    await patchCluster(identityOf(made), '/spec/installed', true);
    await run.untilTold(identityOf(made), ['observed']);
  });
});

describe('what a certificate depends on', () => {
  test('wakes the clusters of its namespace: credentials, zone, Secret, request', async () => {
    const run = await watching();
    const cluster = await makeCluster();
    const { namespace } = cluster;
    await run.untilTold(cluster, ['observed']);
    const request = await pretendIssuance(cluster);
    await sleep(500);
    const heard = ['observed'];
    const expectNext = async (what: string): Promise<void> => {
      heard.push(what);
      await run.untilTold(cluster, heard);
    };

    await hub().admin.create(SECRETS, { metadata: { namespace, name: 'aws' }, stringData: { aws_access_key_id: 'a' } });
    await expectNext('The credentials Secret aws changed.');
    await hub().admin.patch(SECRETS, { namespace, name: 'aws' }, [{ op: 'add', path: '/data/more', value: 'YQ==' }]);
    await expectNext('The credentials Secret aws changed.');
    await hub().admin.create(DNS_ZONES, { metadata: { namespace, name: 'zone' }, spec: { zone: 'example.com' } });
    await expectNext('The DNSZone zone changed.');
    await hub().admin.delete(SECRETS, { namespace, name: 'primary-cert' });
    await expectNext('The Secret primary-cert was deleted.');
    await pretendIssuance(cluster, 'two');
    await sleep(1_100);
    const other = { config: undefined, secret: [{ op: 'replace' as const, path: '/data/tls.crt', value: 'YWJj' }] };
    await userPatch(namespace, 'primary-cert', other.secret);
    await expectNext('The certificate Secret primary-cert was changed by somebody.');
    await sleep(1_100);
    await hub().admin.patch(CERTIFICATE_REQUESTS, keyOf(identityOf(request)), [
      { op: 'add', path: '/spec/renewBeforeDays', value: 30 },
    ]);
    await sleep(QUIET_MS);
    await hub().admin.delete(CERTIFICATE_REQUESTS, keyOf(identityOf(request)));
    await expectNext('The CertificateRequest c1-primary is being deleted.');
  });

  test('wakes those that wait or fail when it is the account, now and a little later', async () => {
    const run = await watching();
    const [waiting, fine] = [await makeCluster(), await makeCluster()];
    await run.untilTold(waiting, ['observed']);
    await run.untilTold(fine, ['observed']);
    const handle = lab().env.client.workflow.getHandle(clusterWorkflowId({ hive: run.hive, ...waiting }));
    await handle.signal(pretendState, 'Waiting');
    await sleep(1_500);
    const key = { namespace: OPERATOR_NAMESPACE, name: 'lets-encrypt-account' };
    await hub().admin.delete(SECRETS, key);
    await sleep(300);
    await hub().admin.create(SECRETS, { metadata: key, stringData: { 'account-url': 'x', 'private-key': 'y' } });
    await sleep(9_000);
    const heard = (await run.told(waiting)) ?? [];
    expect(heard.slice(1).every((what) => what.startsWith('The Secret lets-encrypt-account'))).toBe(true);
    expect(heard.length).toBeGreaterThanOrEqual(3);
    expect(await run.told(fine)).toEqual(['observed']);
    await hub().admin.delete(SECRETS, key);
  });
});

/** A change by a person with an editor, whose field manager is another than certman's. */
async function userPatch(namespace: string, name: string, patch: readonly object[]): Promise<void> {
  const cluster = hub().adminConfig.getCurrentCluster();
  if (cluster === null) throw new Error('no cluster');
  const { CoreV1Api } = await import('@kubernetes/client-node');
  await hub()
    .adminConfig.makeApiClient(CoreV1Api)
    .patchNamespacedSecret({ name, namespace, body: patch, fieldManager: 'kubectl-edit' });
}

describe('the comparison of the whole picture', () => {
  test('starts the workflow that a served cluster lacks, and leaves the others alone', async () => {
    const run = await watching(1_000);
    const [lost, fine] = [await makeCluster(), await makeCluster()];
    await run.untilTold(lost, ['observed']);
    await run.untilTold(fine, ['observed']);
    await pretendIssuance(lost);
    await pretendIssuance(fine);
    const handle = lab().env.client.workflow.getHandle(clusterWorkflowId({ hive: run.hive, ...lost }));
    const { runId } = await handle.describe();
    await handle.terminate('somebody made a mistake');
    for (let attempt = 0; (await handle.describe()).runId === runId; attempt += 1) {
      if (attempt > 100) throw new Error(`not started again\n${run.logs.join('\n')}`);
      await sleep(100);
    }
    await run.untilTold(lost, ['observed']);
    await sleep(3_000);
    expect(await run.told(fine)).toEqual(['observed']);
    expect(await run.told(lost)).toEqual(['observed']);
  });

  test('has the requests cleared away that a vanished cluster left behind', async () => {
    const namespace = await hub().namespace();
    const orphan = { namespace, name: 'c9', uid: crypto.randomUUID() };
    await hub().certman.apply(CERTIFICATE_REQUESTS, {
      metadata: {
        namespace,
        name: 'c9-primary',
        finalizers: [FINALIZER],
        ownerReferences: [
          { apiVersion: 'hive.openshift.io/v1', kind: 'ClusterDeployment', name: 'c9', uid: orphan.uid },
        ],
      },
      spec: {
        acmeDNSDomain: 'example.com',
        certificateSecret: { name: 'primary-cert' },
        dnsNames: ['api.c9.example.com'],
        email: 'sre@example.com',
        platform: { aws: { region: 'us-east-1', credentials: { name: 'aws' } } },
      },
    });
    const run = await watching(1_000);
    await run.untilTold(orphan, ['gone with primary']);
    await sleep(2_500);
    expect(await run.told(orphan)).toEqual(['gone with primary']);
    await hub().admin.patch(CERTIFICATE_REQUESTS, { namespace, name: 'c9-primary' }, [
      { op: 'remove', path: '/metadata/finalizers' },
    ]);
    await hub().admin.delete(CERTIFICATE_REQUESTS, { namespace, name: 'c9-primary' });
  });
});

describe('an outage of the API server', () => {
  test('is ridden out: what happened meanwhile is told after it, once, and nothing else', async () => {
    const { api, proxy, close } = await proxyHub(hub().certmanConfig);
    const run = await lab().watch({ kubernetes: api });
    const before = await makeCluster();
    await run.untilTold(before, ['observed']);
    proxy.down();
    const meanwhile = await makeCluster();
    await sleep(12_000);
    expect(await run.told(meanwhile)).toBeUndefined();
    proxy.up();
    await run.untilTold(meanwhile, ['observed'], 15);
    await sleep(QUIET_MS);
    expect(await run.told(before)).toEqual(['observed']);
    const { takeovers } = await lab().env.client.workflow.getHandle(watchWorkflowId(run.hive)).query(watchStatus);
    expect(takeovers).toBe(1);
    expect(run.logs.filter((line) => line.startsWith('The watch is interrupted')).length).toBeLessThan(8);
    await run.stop();
    await close();
  });

  test('that hides the deletion of a Secret from the watch does not hide it from the comparison', async () => {
    const { api, proxy, close } = await proxyHub(hub().certmanConfig);
    proxy.inject({
      when: ({ path }) => path.startsWith('/api/v1/secrets') && path.includes('watch='),
      fault: { kind: 'hang' },
    });
    const run = await lab().watch({ kubernetes: api, comparisonIntervalMs: 1_000 });
    const cluster = await makeCluster();
    await run.untilTold(cluster, ['observed']);
    await pretendIssuance(cluster);
    await sleep(500);
    await hub().admin.delete(SECRETS, { namespace: cluster.namespace, name: 'primary-cert' });
    const what = `The certificate Secret ${cluster.namespace}/primary-cert is not there.`;
    await run.untilTold(cluster, ['observed', what]);
    await sleep(3_000);
    expect(await run.told(cluster)).toEqual(['observed', what]);
    await run.stop();
    await close();
  });
});

test('the watch shows who watches, and hands over to another worker without telling anything twice', async () => {
  const first = await lab().watch({ kubernetes: hub().certman, worker: 'worker-1' });
  const cluster = await makeCluster();
  await first.untilTold(cluster, ['observed']);
  const handle = lab().env.client.workflow.getHandle(watchWorkflowId(first.hive));
  expect(await handle.query(watchStatus)).toMatchObject({ watching: { worker: 'worker-1' }, takeovers: 1 });
  await sleep(1_500);
  await first.stop();
  const between = await makeCluster();
  const began = performance.now();
  const second = await lab().watch({ kubernetes: hub().certman, hive: first.hive, worker: 'worker-2' });
  await second.untilTold(between, ['observed'], 20);
  expect(performance.now() - began).toBeLessThan(15_000);
  await sleep(QUIET_MS);
  expect(await second.told(cluster)).toEqual(['observed']);
  expect(await handle.query(watchStatus)).toMatchObject({ watching: { worker: 'worker-2' }, takeovers: 2 });
});
