import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { CLUSTER_DEPLOYMENTS } from '../../../src/kubernetes/kubernetes-api.ts';
import { CertCluster, CertState, clusterWorkflowId } from '../../../workflows/contract.ts';
import { createClusterDeployment, useHub } from '../../support/hub.ts';
import { proxyHub } from '../../support/proxied-hub.ts';
import { finish } from '../../support/recording-workflows.ts';
import { QUIET_MS, useWatchLab } from '../../support/watch-lab.ts';
import {
  identityOf,
  keyOf,
  makeCluster,
  patchCluster,
  pretendIssuance,
  untilEvent,
} from '../../support/watched-clusters.ts';

const hub = useHub();
const lab = useWatchLab(hub);

describe('a cluster', () => {
  test('that is there already and one that comes are both told once to their workflows', async () => {
    const before = await makeCluster(hub());
    const run = await lab().watch();
    await run.untilTold(before, ['observed']);
    const after = await makeCluster(hub());
    await run.untilTold(after, ['observed']);
    await sleep(QUIET_MS);
    expect(await run.told(before)).toEqual(['observed']);
    expect(run.logs.filter((line) => line.startsWith('The watch is interrupted'))).toEqual([]);
    const description = await lab()
      .env.client.workflow.getHandle(clusterWorkflowId({ hive: run.hive, ...after }))
      .describe();
    expect(description.typedSearchAttributes.get(CertCluster)).toBe(`${after.namespace}/${after.name}`);
    expect(description.typedSearchAttributes.get(CertState)).toBe('Pending');
    expect(await description.staticSummary()).toBe(`Certificates of ${after.namespace}/${after.name} on ${run.hive}`);
  });

  test('is told again when it changes, and when it is being deleted', async () => {
    const run = await lab().watch();
    const cluster = await makeCluster(hub());
    await run.untilTold(cluster, ['observed']);
    await pretendIssuance(hub(), cluster);
    await patchCluster(hub(), cluster, '/spec/ingress', [
      { name: 'default', domain: 'apps.c1.example.com', servingCertificate: 'primary' },
    ]);
    await run.untilTold(cluster, ['observed', 'observed']);
    await hub().admin.delete(CLUSTER_DEPLOYMENTS, keyOf(cluster));
    await run.untilTold(cluster, ['observed', 'observed', 'observed deleting']);
  });

  test('is not told of what certman writes itself', async () => {
    const run = await lab().watch();
    const cluster = await makeCluster(hub());
    await run.untilTold(cluster, ['observed']);
    await pretendIssuance(hub(), cluster, 'one');
    await pretendIssuance(hub(), cluster, 'two');
    await sleep(QUIET_MS);
    expect(await run.told(cluster)).toEqual(['observed']);
  });

  test('that is decommissioned has its release not told to a second run', async () => {
    const run = await lab().watch();
    const cluster = await makeCluster(hub());
    await run.untilTold(cluster, ['observed']);
    await pretendIssuance(hub(), cluster);
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
    const run = await lab().watch();
    const cluster = await makeCluster(hub());
    await run.untilTold(cluster, ['observed']);
    await pretendIssuance(hub(), cluster);
    await hub().admin.delete(CLUSTER_DEPLOYMENTS, keyOf(cluster));
    await run.untilTold(cluster, ['observed', 'observed deleting']);
    await hub().admin.patch(CLUSTER_DEPLOYMENTS, keyOf(cluster), [{ op: 'remove', path: '/metadata/finalizers' }]);
    await run.untilTold(cluster, ['observed', 'observed deleting', 'gone with primary']);
  });

  test('that vanishes before it has a finalizer is told as gone', async () => {
    const run = await lab().watch();
    const cluster = await makeCluster(hub());
    await run.untilTold(cluster, ['observed']);
    await hub().admin.delete(CLUSTER_DEPLOYMENTS, keyOf(cluster));
    await run.untilTold(cluster, ['observed', 'gone with primary']);
  });

  test('made again under its old name gets a workflow of its own', async () => {
    const run = await lab().watch();
    const cluster = await makeCluster(hub());
    await run.untilTold(cluster, ['observed']);
    await hub().admin.delete(CLUSTER_DEPLOYMENTS, keyOf(cluster));
    const again = identityOf(await createClusterDeployment(hub().admin, cluster.namespace, cluster.name));
    await run.untilTold(again, ['observed']);
    await run.untilTold(cluster, ['observed', 'gone with primary']);
  });

  test('whose finalizer somebody takes off is woken', async () => {
    const run = await lab().watch();
    const cluster = await makeCluster(hub());
    await run.untilTold(cluster, ['observed']);
    await pretendIssuance(hub(), cluster);
    await hub().admin.patch(CLUSTER_DEPLOYMENTS, keyOf(cluster), [{ op: 'remove', path: '/metadata/finalizers' }]);
    await run.untilTold(cluster, ['observed', 'The finalizer of the ClusterDeployment was removed by somebody.']);
  });
});

describe('a cluster that is not served', () => {
  test('for want of the label says so once, in an Event and a gauge, and is served once it has it', async () => {
    // Watches of other tests say it too; what this one says goes through a proxy of its own.
    const proxied = await proxyHub(hub().certmanConfig);
    const run = await lab().watch({ kubernetes: proxied.api });
    const { object } = await hub().cluster();
    const cluster = identityOf(object);
    await run.untilTold(cluster, ['observed']);
    const namespace = await hub().namespace();
    const { spec } = object;
    const made = await hub().admin.create(CLUSTER_DEPLOYMENTS, { metadata: { namespace, name: 'unmanaged' }, spec });
    if (made === undefined) throw new Error('not made');
    const unmanaged = identityOf(made);
    const event = await untilEvent(hub(), unmanaged, 'NotManaged');
    expect(event['message']).toContain('api.openshift.com/managed is missing');
    const shown = () => [...(run.fleet()?.clusters ?? [])].find((series) => series.namespace === namespace);
    await expect.poll(shown).toMatchObject({ gate: 'NotManaged' });
    await patchCluster(hub(), unmanaged, '/metadata/annotations', { note: 'nothing to certman' });
    await sleep(QUIET_MS);
    const said = proxied.proxy.seen.filter(
      ({ method, path }) => method === 'POST' && path.includes(`/namespaces/${namespace}/events`),
    );
    // An Event that the watch of another test counts up meanwhile takes more requests; the decision to say it is made once.
    expect(said.length).toBeGreaterThan(0);
    const decided = run.logs.filter((line) => line.includes(`"${namespace}/unmanaged"`) && line.includes('"explain"'));
    expect(decided).toHaveLength(1);
    expect(await run.told(unmanaged)).toBeUndefined();
    await patchCluster(hub(), unmanaged, '/metadata/labels', { 'api.openshift.com/managed': 'true' });
    await run.untilTold(unmanaged, ['observed']);
    await run.stop();
    await proxied.close();
  });

  test('for being unreadable says so in an Event, and the others go on', async () => {
    const run = await lab().watch();
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
    const event = await untilEvent(hub(), identityOf(made), 'Malformed');
    expect(event['message']).toContain('spec.certificateBundles');
    const cluster = await makeCluster(hub());
    await run.untilTold(cluster, ['observed']);
    expect([...(run.fleet()?.clusters ?? [])].find((series) => series.namespace === namespace)?.gate).toBe('Malformed');
    await hub().admin.delete(CLUSTER_DEPLOYMENTS, { namespace, name: 'odd' });
  });

  test('because it is not installed is told once it is', async () => {
    const run = await lab().watch();
    const namespace = await hub().namespace();
    const { object } = await hub().cluster();
    const made = await hub().admin.create(CLUSTER_DEPLOYMENTS, {
      metadata: { namespace, name: 'c1', labels: { 'api.openshift.com/managed': 'true' } },
      spec: { ...(object['spec'] as object), installed: false },
    });
    if (made === undefined) throw new Error('not made');
    await sleep(QUIET_MS);
    expect(await run.told(identityOf(made))).toBeUndefined();
    await patchCluster(hub(), identityOf(made), '/spec/installed', true);
    await run.untilTold(identityOf(made), ['observed']);
  });
});
