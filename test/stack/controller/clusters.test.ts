import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { clusterWorkflowId } from '../../../src/contract/ids.ts';
import { CertCluster, CertState } from '../../../src/contract/search-attributes.ts';
import { CLUSTER_DEPLOYMENTS } from '../../../src/kubernetes/objects/resources.ts';
import {
  createCluster,
  identityOf,
  keyOf,
  patchCluster,
  waitForEvent,
  writeIssuedObjects,
} from '../../support/controller/clusters.ts';
import { QUIET_MS, useControllerHarness } from '../../support/controller/harness.ts';
import { finish } from '../../support/controller/recording-workflows.ts';
import { createClusterDeployment, useManagementCluster } from '../../support/kubernetes/management-cluster.ts';
import { startApiServerProxy } from '../../support/kubernetes/proxied-api-server.ts';

const hub = useManagementCluster();
const lab = useControllerHarness(hub);

describe('a cluster', () => {
  test('that is there already and one that comes are both told once to their workflows', async () => {
    const before = await createCluster(hub());
    const run = await lab().startController();
    await run.untilReceived(before, ['observed']);
    const after = await createCluster(hub());
    await run.untilReceived(after, ['observed']);
    await sleep(QUIET_MS);
    expect(await run.receivedSignals(before)).toEqual(['observed']);
    expect(run.logs.filter((line) => line.startsWith('The watch is interrupted'))).toEqual([]);
    const description = await lab()
      .env.client.workflow.getHandle(clusterWorkflowId({ managementCluster: run.managementCluster, ...after }))
      .describe();
    expect(description.typedSearchAttributes.get(CertCluster)).toBe(`${after.namespace}/${after.name}`);
    expect(description.typedSearchAttributes.get(CertState)).toBe('Pending');
    expect(await description.staticSummary()).toBe(
      `Certificates of ${after.namespace}/${after.name} on ${run.managementCluster}`,
    );
  });

  test('is told again when it changes, and when it is being deleted', async () => {
    const run = await lab().startController();
    const cluster = await createCluster(hub());
    await run.untilReceived(cluster, ['observed']);
    await writeIssuedObjects(hub(), cluster);
    await patchCluster(hub(), cluster, '/spec/ingress', [
      { name: 'default', domain: 'apps.c1.example.com', servingCertificate: 'primary' },
    ]);
    await run.untilReceived(cluster, ['observed', 'observed']);
    await hub().admin.delete(CLUSTER_DEPLOYMENTS, keyOf(cluster));
    await run.untilReceived(cluster, ['observed', 'observed', 'observed deleting']);
  });

  test('is not told of what certman writes itself', async () => {
    const run = await lab().startController();
    const cluster = await createCluster(hub());
    await run.untilReceived(cluster, ['observed']);
    await writeIssuedObjects(hub(), cluster, 'one');
    await writeIssuedObjects(hub(), cluster, 'two');
    await sleep(QUIET_MS);
    expect(await run.receivedSignals(cluster)).toEqual(['observed']);
  });

  test('that is decommissioned has its release not told to a second run', async () => {
    const run = await lab().startController();
    const cluster = await createCluster(hub());
    await run.untilReceived(cluster, ['observed']);
    await writeIssuedObjects(hub(), cluster);
    await hub().admin.delete(CLUSTER_DEPLOYMENTS, keyOf(cluster));
    await run.untilReceived(cluster, ['observed', 'observed deleting']);
    await hub().certman.patch(CLUSTER_DEPLOYMENTS, keyOf(cluster), [{ op: 'remove', path: '/metadata/finalizers' }]);
    const handle = lab().env.client.workflow.getHandle(
      clusterWorkflowId({ managementCluster: run.managementCluster, ...cluster }),
    );
    await handle.signal(finish);
    const { runId } = await handle.describe();
    await sleep(5_000);
    expect(await handle.describe()).toMatchObject({ runId, status: { name: 'COMPLETED' } });
  });

  test('whose finalizer is forced off and that vanishes is told as gone', async () => {
    const run = await lab().startController();
    const cluster = await createCluster(hub());
    await run.untilReceived(cluster, ['observed']);
    await writeIssuedObjects(hub(), cluster);
    await hub().admin.delete(CLUSTER_DEPLOYMENTS, keyOf(cluster));
    await run.untilReceived(cluster, ['observed', 'observed deleting']);
    await hub().admin.patch(CLUSTER_DEPLOYMENTS, keyOf(cluster), [{ op: 'remove', path: '/metadata/finalizers' }]);
    await run.untilReceived(cluster, ['observed', 'observed deleting', 'gone with primary']);
  });

  test('that vanishes before it has a finalizer is told as gone', async () => {
    const run = await lab().startController();
    const cluster = await createCluster(hub());
    await run.untilReceived(cluster, ['observed']);
    await hub().admin.delete(CLUSTER_DEPLOYMENTS, keyOf(cluster));
    await run.untilReceived(cluster, ['observed', 'gone with primary']);
  });

  test('made again under its old name gets a workflow of its own', async () => {
    const run = await lab().startController();
    const cluster = await createCluster(hub());
    await run.untilReceived(cluster, ['observed']);
    await hub().admin.delete(CLUSTER_DEPLOYMENTS, keyOf(cluster));
    const again = identityOf(await createClusterDeployment(hub().admin, cluster.namespace, cluster.name));
    await run.untilReceived(again, ['observed']);
    await run.untilReceived(cluster, ['observed', 'gone with primary']);
  });

  test('whose finalizer somebody takes off is woken', async () => {
    const run = await lab().startController();
    const cluster = await createCluster(hub());
    await run.untilReceived(cluster, ['observed']);
    await writeIssuedObjects(hub(), cluster);
    await hub().admin.patch(CLUSTER_DEPLOYMENTS, keyOf(cluster), [{ op: 'remove', path: '/metadata/finalizers' }]);
    await run.untilReceived(cluster, ['observed', 'The finalizer of the ClusterDeployment was removed by somebody.']);
  });
});

describe('a cluster that is not served', () => {
  test('for want of the label says so once, in an Event and a gauge, and is served once it has it', async () => {
    // Watches of other tests say it too; what this one says goes through a proxy of its own.
    const proxied = await startApiServerProxy(hub().certmanConfig);
    const run = await lab().startController({ kubernetes: proxied.api });
    const { object } = await hub().cluster();
    const cluster = identityOf(object);
    await run.untilReceived(cluster, ['observed']);
    const namespace = await hub().namespace();
    const { spec } = object;
    const made = await hub().admin.create(CLUSTER_DEPLOYMENTS, { metadata: { namespace, name: 'unmanaged' }, spec });
    if (made === undefined) throw new Error('not made');
    const unmanaged = identityOf(made);
    const event = await waitForEvent(hub(), unmanaged, 'NotManaged');
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
    expect(await run.receivedSignals(unmanaged)).toBeUndefined();
    await patchCluster(hub(), unmanaged, '/metadata/labels', { 'api.openshift.com/managed': 'true' });
    await run.untilReceived(unmanaged, ['observed']);
    await run.stop();
    await proxied.close();
  });

  test('for being unreadable says so in an Event, and the others go on', async () => {
    const run = await lab().startController();
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
    const event = await waitForEvent(hub(), identityOf(made), 'InvalidClusterDeployment');
    expect(event['message']).toContain('spec.certificateBundles');
    const cluster = await createCluster(hub());
    await run.untilReceived(cluster, ['observed']);
    expect([...(run.fleet()?.clusters ?? [])].find((series) => series.namespace === namespace)?.gate).toBe(
      'InvalidClusterDeployment',
    );
    await hub().admin.delete(CLUSTER_DEPLOYMENTS, { namespace, name: 'odd' });
  });

  test('because it is not installed is told once it is', async () => {
    const run = await lab().startController();
    const namespace = await hub().namespace();
    const { object } = await hub().cluster();
    const made = await hub().admin.create(CLUSTER_DEPLOYMENTS, {
      metadata: { namespace, name: 'c1', labels: { 'api.openshift.com/managed': 'true' } },
      spec: { ...(object['spec'] as object), installed: false },
    });
    if (made === undefined) throw new Error('not made');
    await sleep(QUIET_MS);
    expect(await run.receivedSignals(identityOf(made))).toBeUndefined();
    await patchCluster(hub(), identityOf(made), '/spec/installed', true);
    await run.untilReceived(identityOf(made), ['observed']);
  });
});
