import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { clusterWorkflowId, watchWorkflowId } from '../../../src/contract/ids.ts';
import { watchStatus } from '../../../src/contract/management-cluster-watch.ts';
import { CERTIFICATE_REQUESTS, FINALIZER, SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { addIngress, createCluster, writeIssuedObjects } from '../../support/controller/clusters.ts';
import { QUIET_MS, useControllerHarness } from '../../support/controller/harness.ts';
import { watchAttempt, watchesUnbroken } from '../../support/controller/watch-attempt.ts';
import { useManagementCluster } from '../../support/kubernetes/management-cluster.ts';
import { startApiServerProxy } from '../../support/kubernetes/proxied-api-server.ts';
import { eventually } from '../../support/vitest/eventually.ts';

const managementCluster = useManagementCluster();
const harness = useControllerHarness(managementCluster);

describe('the resync', () => {
  test('starts the missing workflow of a served cluster, and signals no other', async () => {
    const [lost, fine] = [await createCluster(managementCluster()), await createCluster(managementCluster())];
    await writeIssuedObjects(managementCluster(), lost);
    await writeIssuedObjects(managementCluster(), fine);
    const run = await harness().startController({ resyncIntervalMs: 1_000 });
    await run.untilReceived(lost, ['observed']);
    await run.untilReceived(fine, ['observed']);
    const handle = harness().env.client.workflow.getHandle(
      clusterWorkflowId({ managementCluster: run.managementCluster, ...lost }),
    );
    const { runId } = await handle.describe();
    await handle.terminate('terminated by mistake');
    await eventually(
      'the workflow is started again',
      () => handle.describe(),
      (now) => now.runId !== runId,
    );
    await run.untilReceived(lost, ['observed']);
    await sleep(3_000);
    expect(await run.receivedSignals(fine)).toEqual(['observed']);
    expect(await run.receivedSignals(lost)).toEqual(['observed']);
  });

  test('decommissions the requests that a deleted cluster left behind', async () => {
    const namespace = await managementCluster().namespace();
    const orphan = { namespace, name: 'c9', uid: crypto.randomUUID() };
    await managementCluster().certman.apply(CERTIFICATE_REQUESTS, {
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
    const run = await harness().startController({ resyncIntervalMs: 1_000 });
    await run.untilReceived(orphan, ['gone with primary']);
    await sleep(2_500);
    expect(await run.receivedSignals(orphan)).toEqual(['gone with primary']);
    await managementCluster().admin.patch(CERTIFICATE_REQUESTS, { namespace, name: 'c9-primary' }, [
      { op: 'remove', path: '/metadata/finalizers' },
    ]);
    await managementCluster().admin.delete(CERTIFICATE_REQUESTS, { namespace, name: 'c9-primary' });
  });
});

test('the resync asks for one object of a kind instead of listing it while the watch of that kind keeps up', async () => {
  const proxied = await startApiServerProxy(managementCluster().certmanConfig);
  const { api, proxy } = proxied;
  const cluster = await createCluster(managementCluster());
  const { namespace } = cluster;
  await writeIssuedObjects(managementCluster(), cluster);
  const run = await harness().startController({ kubernetes: api, resyncIntervalMs: 1_000 });
  await run.untilReceived(cluster, ['observed']);
  /** Requests for one Secret that no list followed; other tests' new clusters bring about lists of their own. */
  const spared = (): number => {
    const limits = proxy.seen.flatMap(({ path }) => /^\/api\/v1\/secrets\?.*limit=(1|100)$/.exec(path)?.[1] ?? []);
    return limits.filter((limit, index) => limit === '1' && limits[index + 1] === '1').length;
  };
  // Each event brings the watch up to date, as a bookmark does about once a minute.
  let count = 0;
  await eventually(
    'two resyncs have listed no Secrets',
    async () => {
      count += 1;
      await managementCluster().admin.apply(SECRETS, {
        metadata: { namespace, name: 'other', labels: { count: String(count) } },
      });
      return spared();
    },
    (resyncs) => resyncs >= 2,
  );
  await managementCluster().admin.delete(SECRETS, { namespace, name: 'primary-cert' });
  const what = 'The Secret primary-cert was deleted.';
  // Nothing issues here: a second later, the resync signals that it is missing.
  await run.untilReceived(cluster, [what], /^The Secret/);
  await run.stop();
  await proxied.close();
});

describe('an outage of the API server', () => {
  test('is waited out: what happened meanwhile is signalled after it, once, and nothing else', async () => {
    const proxied = await startApiServerProxy(managementCluster().certmanConfig);
    const { api, proxy } = proxied;
    const run = await harness().startController({ kubernetes: api });
    const before = await createCluster(managementCluster());
    await run.untilReceived(before, ['observed']);
    proxy.down();
    const meanwhile = await createCluster(managementCluster());
    await sleep(12_000);
    expect(await run.receivedSignals(meanwhile)).toBeUndefined();
    proxy.up();
    await run.untilReceived(meanwhile, ['observed']);
    await sleep(QUIET_MS);
    expect(await run.receivedSignals(before)).toEqual(['observed']);
    expect(await watchesUnbroken(harness().env.client, run.managementCluster)).toBe(true);
    expect(run.logs.filter((line) => line.startsWith('The watch is interrupted')).length).toBeLessThan(8);
    await run.stop();
    await proxied.close();
  });

  test('that hides the deletion of a Secret from the watch does not hide it from the resync', async () => {
    const proxied = await startApiServerProxy(managementCluster().certmanConfig);
    const { api, proxy } = proxied;
    proxy.inject({
      when: ({ path }) => path.startsWith('/api/v1/secrets') && path.includes('watch='),
      fault: { kind: 'hang' },
    });
    const cluster = await createCluster(managementCluster());
    await writeIssuedObjects(managementCluster(), cluster);
    const run = await harness().startController({ kubernetes: api, resyncIntervalMs: 1_000 });
    await run.untilReceived(cluster, ['observed']);
    await managementCluster().admin.delete(SECRETS, { namespace: cluster.namespace, name: 'primary-cert' });
    const what = 'The certificate Secret primary-cert is missing.';
    await run.untilReceived(cluster, ['observed', what]);
    await sleep(3_000);
    expect(await run.receivedSignals(cluster)).toEqual(['observed', what]);
    await run.stop();
    await proxied.close();
  });
});

test.each([
  ['an HTML page', { headers: { 'content-type': 'text/html' }, body: '<html><h1>404 Not Found</h1></html>' }],
  ['a bare status', {}],
])(
  'a load balancer’s 404 (%s) for a living cluster is waited out, not taken for its deletion',
  async (_what, answer) => {
    const proxied = await startApiServerProxy(managementCluster().certmanConfig);
    const { api, proxy } = proxied;
    const isWatch = (path: string): boolean => path.includes('/clusterdeployments?') && path.includes('watch=');
    proxy.inject({ when: ({ path }) => isWatch(path), fault: { kind: 'hang' } });
    const cluster = await createCluster(managementCluster());
    await writeIssuedObjects(managementCluster(), cluster);
    const run = await harness().startController({ kubernetes: api, resyncIntervalMs: 1_000 });
    await run.untilReceived(cluster, ['observed']);
    const astray = proxy.inject({
      when: ({ method, path }) => method === 'GET' && path.endsWith(`/clusterdeployments/${cluster.name}`),
      fault: { kind: 'answer', status: 404, ...answer },
    });
    // The resync reads what differs from the cache.
    await addIngress(managementCluster(), cluster);
    await eventually(
      'the resync has read the cluster twice',
      async () => astray.hits(),
      (hits) => hits >= 2,
    );
    expect(await run.receivedSignals(cluster)).toEqual(['observed']);
    astray.remove();
    await run.untilReceived(cluster, ['observed', 'observed']);
    await run.stop();
    await proxied.close();
  },
);

test('the watch shows which worker watches, and hands over to another one without signalling twice', async () => {
  const first = await harness().startController({ worker: 'worker-1' });
  const cluster = await createCluster(managementCluster());
  await first.untilReceived(cluster, ['observed']);
  const handle = harness().env.client.workflow.getHandle(watchWorkflowId(first.managementCluster));
  const { takeovers, holder } = await handle.query(watchStatus);
  expect(holder?.worker).toBe('worker-1');
  await first.stop();
  const between = await createCluster(managementCluster());
  const second = await harness().startController({ managementCluster: first.managementCluster, worker: 'worker-2' });
  await second.untilReceived(between, ['observed']);
  // At the latest, another worker takes over after this time without a heartbeat.
  expect(
    (await watchAttempt(harness().env.client, first.managementCluster)).heartbeatTimeoutSeconds,
  ).toBeLessThanOrEqual(10);
  await sleep(QUIET_MS);
  expect(await second.receivedSignals(cluster)).toEqual(['observed']);
  const after = await handle.query(watchStatus);
  expect(after.holder?.worker).toBe('worker-2');
  expect(after.takeovers).toBeGreaterThan(takeovers);
});
