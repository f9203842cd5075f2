import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { clusterWorkflowId, watchWorkflowId } from '../../../src/contract/ids.ts';
import { watchStatus } from '../../../src/contract/management-cluster-watch.ts';
import { CERTIFICATE_REQUESTS, FINALIZER, SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { createCluster, writeIssuedObjects } from '../../support/controller/clusters.ts';
import { QUIET_MS, useControllerHarness } from '../../support/controller/harness.ts';
import { watchAttempt } from '../../support/controller/watch-attempt.ts';
import { useManagementCluster } from '../../support/kubernetes/management-cluster.ts';
import { startApiServerProxy } from '../../support/kubernetes/proxied-api-server.ts';
import { eventually } from '../../support/vitest/eventually.ts';

const hub = useManagementCluster();
const lab = useControllerHarness(hub);

describe('the comparison of the whole picture', () => {
  test('starts the workflow that a served cluster lacks, and leaves the others alone', async () => {
    const [lost, fine] = [await createCluster(hub()), await createCluster(hub())];
    await writeIssuedObjects(hub(), lost);
    await writeIssuedObjects(hub(), fine);
    const run = await lab().startController({ resyncIntervalMs: 1_000 });
    await run.untilReceived(lost, ['observed']);
    await run.untilReceived(fine, ['observed']);
    const handle = lab().env.client.workflow.getHandle(
      clusterWorkflowId({ managementCluster: run.managementCluster, ...lost }),
    );
    const { runId } = await handle.describe();
    await handle.terminate('somebody made a mistake');
    await eventually(
      'it is started again',
      () => handle.describe(),
      (now) => now.runId !== runId,
    );
    await run.untilReceived(lost, ['observed']);
    await sleep(3_000);
    expect(await run.receivedSignals(fine)).toEqual(['observed']);
    expect(await run.receivedSignals(lost)).toEqual(['observed']);
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
    const run = await lab().startController({ resyncIntervalMs: 1_000 });
    await run.untilReceived(orphan, ['gone with primary']);
    await sleep(2_500);
    expect(await run.receivedSignals(orphan)).toEqual(['gone with primary']);
    await hub().admin.patch(CERTIFICATE_REQUESTS, { namespace, name: 'c9-primary' }, [
      { op: 'remove', path: '/metadata/finalizers' },
    ]);
    await hub().admin.delete(CERTIFICATE_REQUESTS, { namespace, name: 'c9-primary' });
  });
});

describe('an outage of the API server', () => {
  test('is ridden out: what happened meanwhile is told after it, once, and nothing else', async () => {
    const proxied = await startApiServerProxy(hub().certmanConfig);
    const { api, proxy } = proxied;
    const run = await lab().startController({ kubernetes: api });
    const before = await createCluster(hub());
    await run.untilReceived(before, ['observed']);
    proxy.down();
    const meanwhile = await createCluster(hub());
    await sleep(12_000);
    expect(await run.receivedSignals(meanwhile)).toBeUndefined();
    proxy.up();
    await run.untilReceived(meanwhile, ['observed']);
    await sleep(QUIET_MS);
    expect(await run.receivedSignals(before)).toEqual(['observed']);
    const { takeovers } = await lab()
      .env.client.workflow.getHandle(watchWorkflowId(run.managementCluster))
      .query(watchStatus);
    expect(takeovers).toBe(1);
    expect(run.logs.filter((line) => line.startsWith('The watch is interrupted')).length).toBeLessThan(8);
    await run.stop();
    await proxied.close();
  });

  test('that hides the deletion of a Secret from the watch does not hide it from the comparison', async () => {
    const proxied = await startApiServerProxy(hub().certmanConfig);
    const { api, proxy } = proxied;
    proxy.inject({
      when: ({ path }) => path.startsWith('/api/v1/secrets') && path.includes('watch='),
      fault: { kind: 'hang' },
    });
    const cluster = await createCluster(hub());
    await writeIssuedObjects(hub(), cluster);
    const run = await lab().startController({ kubernetes: api, resyncIntervalMs: 1_000 });
    await run.untilReceived(cluster, ['observed']);
    await hub().admin.delete(SECRETS, { namespace: cluster.namespace, name: 'primary-cert' });
    const what = 'The certificate Secret primary-cert is not there.';
    await run.untilReceived(cluster, ['observed', what]);
    await sleep(3_000);
    expect(await run.receivedSignals(cluster)).toEqual(['observed', what]);
    await run.stop();
    await proxied.close();
  });
});

test('the watch shows who watches, and hands over to another worker without telling anything twice', async () => {
  const first = await lab().startController({ worker: 'worker-1' });
  const cluster = await createCluster(hub());
  await first.untilReceived(cluster, ['observed']);
  const handle = lab().env.client.workflow.getHandle(watchWorkflowId(first.managementCluster));
  expect(await handle.query(watchStatus)).toMatchObject({ holder: { worker: 'worker-1' }, takeovers: 1 });
  await first.stop();
  const between = await createCluster(hub());
  const second = await lab().startController({ managementCluster: first.managementCluster, worker: 'worker-2' });
  await second.untilReceived(between, ['observed']);
  // At the worst, it comes to the other worker once the first one has been silent for so long.
  expect((await watchAttempt(lab().env.client, first.managementCluster)).heartbeatTimeoutSeconds).toBeLessThanOrEqual(
    10,
  );
  await sleep(QUIET_MS);
  expect(await second.receivedSignals(cluster)).toEqual(['observed']);
  expect(await handle.query(watchStatus)).toMatchObject({ holder: { worker: 'worker-2' }, takeovers: 2 });
});
