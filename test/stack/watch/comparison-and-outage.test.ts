import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { CERTIFICATE_REQUESTS, FINALIZER, SECRETS } from '../../../src/kubernetes/kubernetes-api.ts';
import { clusterWorkflowId, watchStatus, watchWorkflowId } from '../../../workflows/contract.ts';
import { eventually } from '../../support/eventually.ts';
import { useHub } from '../../support/hub.ts';
import { proxyHub } from '../../support/proxied-hub.ts';
import { watchAttempt } from '../../support/watch-attempt.ts';
import { QUIET_MS, useWatchLab } from '../../support/watch-lab.ts';
import { makeCluster, pretendIssuance } from '../../support/watched-clusters.ts';

const hub = useHub();
const lab = useWatchLab(hub);

describe('the comparison of the whole picture', () => {
  test('starts the workflow that a served cluster lacks, and leaves the others alone', async () => {
    const [lost, fine] = [await makeCluster(hub()), await makeCluster(hub())];
    await pretendIssuance(hub(), lost);
    await pretendIssuance(hub(), fine);
    const run = await lab().watch({ comparisonIntervalMs: 1_000 });
    await run.untilTold(lost, ['observed']);
    await run.untilTold(fine, ['observed']);
    const handle = lab().env.client.workflow.getHandle(clusterWorkflowId({ hive: run.hive, ...lost }));
    const { runId } = await handle.describe();
    await handle.terminate('somebody made a mistake');
    await eventually(
      'it is started again',
      () => handle.describe(),
      (now) => now.runId !== runId,
    );
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
    const run = await lab().watch({ comparisonIntervalMs: 1_000 });
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
    const proxied = await proxyHub(hub().certmanConfig);
    const { api, proxy } = proxied;
    const run = await lab().watch({ kubernetes: api });
    const before = await makeCluster(hub());
    await run.untilTold(before, ['observed']);
    proxy.down();
    const meanwhile = await makeCluster(hub());
    await sleep(12_000);
    expect(await run.told(meanwhile)).toBeUndefined();
    proxy.up();
    await run.untilTold(meanwhile, ['observed']);
    await sleep(QUIET_MS);
    expect(await run.told(before)).toEqual(['observed']);
    const { takeovers } = await lab().env.client.workflow.getHandle(watchWorkflowId(run.hive)).query(watchStatus);
    expect(takeovers).toBe(1);
    expect(run.logs.filter((line) => line.startsWith('The watch is interrupted')).length).toBeLessThan(8);
    await run.stop();
    await proxied.close();
  });

  test('that hides the deletion of a Secret from the watch does not hide it from the comparison', async () => {
    const proxied = await proxyHub(hub().certmanConfig);
    const { api, proxy } = proxied;
    proxy.inject({
      when: ({ path }) => path.startsWith('/api/v1/secrets') && path.includes('watch='),
      fault: { kind: 'hang' },
    });
    const cluster = await makeCluster(hub());
    await pretendIssuance(hub(), cluster);
    const run = await lab().watch({ kubernetes: api, comparisonIntervalMs: 1_000 });
    await run.untilTold(cluster, ['observed']);
    await hub().admin.delete(SECRETS, { namespace: cluster.namespace, name: 'primary-cert' });
    const what = 'The certificate Secret primary-cert is not there.';
    await run.untilTold(cluster, ['observed', what]);
    await sleep(3_000);
    expect(await run.told(cluster)).toEqual(['observed', what]);
    await run.stop();
    await proxied.close();
  });
});

test('the watch shows who watches, and hands over to another worker without telling anything twice', async () => {
  const first = await lab().watch({ worker: 'worker-1' });
  const cluster = await makeCluster(hub());
  await first.untilTold(cluster, ['observed']);
  const handle = lab().env.client.workflow.getHandle(watchWorkflowId(first.hive));
  expect(await handle.query(watchStatus)).toMatchObject({ watching: { worker: 'worker-1' }, takeovers: 1 });
  await first.stop();
  const between = await makeCluster(hub());
  const second = await lab().watch({ hive: first.hive, worker: 'worker-2' });
  await second.untilTold(between, ['observed']);
  // At the worst, it comes to the other worker once the first one has been silent for so long.
  expect((await watchAttempt(lab().env.client, first.hive)).heartbeatTimeoutSeconds).toBeLessThanOrEqual(10);
  await sleep(QUIET_MS);
  expect(await second.told(cluster)).toEqual(['observed']);
  expect(await handle.query(watchStatus)).toMatchObject({ watching: { worker: 'worker-2' }, takeovers: 2 });
});
