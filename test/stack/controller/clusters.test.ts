import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { clusterWorkflowId } from '../../../src/contract/ids.ts';
import { CertCluster, CertState } from '../../../src/contract/search-attributes.ts';
import { CLUSTER_DEPLOYMENTS } from '../../../src/kubernetes/objects/resources.ts';
import {
  addIngress,
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
import { eventually } from '../../support/vitest/eventually.ts';

const managementCluster = useManagementCluster();
const harness = useControllerHarness(managementCluster);

describe('a cluster', () => {
  test('that exists and one that is created are both signalled once to their workflows', async () => {
    const before = await createCluster(managementCluster());
    const run = await harness().startController();
    await run.untilReceived(before, ['observed']);
    const after = await createCluster(managementCluster());
    await run.untilReceived(after, ['observed']);
    await sleep(QUIET_MS);
    expect(await run.receivedSignals(before)).toEqual(['observed']);
    expect(run.logs.filter((line) => line.startsWith('The watch is interrupted'))).toEqual([]);
    const description = await harness()
      .env.client.workflow.getHandle(clusterWorkflowId({ managementCluster: run.managementCluster, ...after }))
      .describe();
    expect(description.typedSearchAttributes.get(CertCluster)).toBe(`${after.namespace}/${after.name}`);
    expect(description.typedSearchAttributes.get(CertState)).toBe('Pending');
    expect(description.priority).toMatchObject({ fairnessKey: after.namespace });
    expect(await description.staticSummary()).toBe(
      `Certificates of ${after.namespace}/${after.name} on ${run.managementCluster}`,
    );
  });

  test('is signalled again when it changes, and when it is being deleted', async () => {
    const run = await harness().startController();
    const cluster = await createCluster(managementCluster());
    await run.untilReceived(cluster, ['observed']);
    await writeIssuedObjects(managementCluster(), cluster);
    await addIngress(managementCluster(), cluster);
    await run.untilReceived(cluster, ['observed', 'observed']);
    await managementCluster().admin.delete(CLUSTER_DEPLOYMENTS, keyOf(cluster));
    await run.untilReceived(cluster, ['observed', 'observed', 'observed deleting']);
  });

  test('is not signalled what certman writes itself', async () => {
    const run = await harness().startController();
    const cluster = await createCluster(managementCluster());
    await run.untilReceived(cluster, ['observed']);
    await writeIssuedObjects(managementCluster(), cluster, 'one');
    await writeIssuedObjects(managementCluster(), cluster, 'two');
    await sleep(QUIET_MS);
    expect(await run.receivedSignals(cluster)).toEqual(['observed']);
  });

  test('that is decommissioned does not start a second run by its release', async () => {
    const run = await harness().startController();
    const cluster = await createCluster(managementCluster());
    await run.untilReceived(cluster, ['observed']);
    await writeIssuedObjects(managementCluster(), cluster);
    await managementCluster().admin.delete(CLUSTER_DEPLOYMENTS, keyOf(cluster));
    await run.untilReceived(cluster, ['observed', 'observed deleting']);
    await managementCluster().certman.patch(CLUSTER_DEPLOYMENTS, keyOf(cluster), [
      { op: 'remove', path: '/metadata/finalizers' },
    ]);
    const handle = harness().env.client.workflow.getHandle(
      clusterWorkflowId({ managementCluster: run.managementCluster, ...cluster }),
    );
    await handle.signal(finish);
    const { runId } = await eventually(
      'its workflow completes',
      () => handle.describe(),
      ({ status }) => status.name === 'COMPLETED',
    );
    await sleep(5_000);
    expect(await handle.describe()).toMatchObject({ runId, status: { name: 'COMPLETED' } });
  });

  test('whose finalizer is forced off and that disappears is signalled as gone', async () => {
    const run = await harness().startController();
    const cluster = await createCluster(managementCluster());
    await run.untilReceived(cluster, ['observed']);
    await writeIssuedObjects(managementCluster(), cluster);
    await managementCluster().admin.delete(CLUSTER_DEPLOYMENTS, keyOf(cluster));
    await run.untilReceived(cluster, ['observed', 'observed deleting']);
    await managementCluster().admin.patch(CLUSTER_DEPLOYMENTS, keyOf(cluster), [
      { op: 'remove', path: '/metadata/finalizers' },
    ]);
    await run.untilReceived(cluster, ['observed', 'observed deleting', 'gone with primary']);
  });

  test('that disappears before it has a finalizer is signalled as gone', async () => {
    const run = await harness().startController();
    const cluster = await createCluster(managementCluster());
    await run.untilReceived(cluster, ['observed']);
    await managementCluster().admin.delete(CLUSTER_DEPLOYMENTS, keyOf(cluster));
    await run.untilReceived(cluster, ['observed', 'gone with primary']);
  });

  test('re-created under its old name gets a workflow of its own', async () => {
    const run = await harness().startController();
    const cluster = await createCluster(managementCluster());
    await run.untilReceived(cluster, ['observed']);
    await managementCluster().admin.delete(CLUSTER_DEPLOYMENTS, keyOf(cluster));
    const again = identityOf(await createClusterDeployment(managementCluster().admin, cluster.namespace, cluster.name));
    await run.untilReceived(again, ['observed']);
    await run.untilReceived(cluster, ['observed', 'gone with primary']);
  });

  test('whose finalizer is removed by another client is signalled', async () => {
    const run = await harness().startController();
    const cluster = await createCluster(managementCluster());
    await run.untilReceived(cluster, ['observed']);
    await writeIssuedObjects(managementCluster(), cluster);
    await managementCluster().admin.patch(CLUSTER_DEPLOYMENTS, keyOf(cluster), [
      { op: 'remove', path: '/metadata/finalizers' },
    ]);
    await run.untilReceived(cluster, ['observed', 'The finalizer of the ClusterDeployment was removed.']);
  });
});

describe('a cluster that is not served', () => {
  test('because it lacks the label is reported once, in an Event and a gauge, and served once it has the label', async () => {
    // Watches of other tests say it too; what this one says goes through a proxy of its own.
    const proxied = await startApiServerProxy(managementCluster().certmanConfig);
    const run = await harness().startController({ kubernetes: proxied.api });
    const { object } = await managementCluster().cluster();
    const cluster = identityOf(object);
    await run.untilReceived(cluster, ['observed']);
    const namespace = await managementCluster().namespace();
    const { spec } = object;
    const made = await managementCluster().admin.create(CLUSTER_DEPLOYMENTS, {
      metadata: { namespace, name: 'unmanaged' },
      spec,
    });
    if (made === undefined) throw new Error('not made');
    const unmanaged = identityOf(made);
    const event = await waitForEvent(managementCluster(), unmanaged, 'NotManaged');
    expect(event['message']).toContain('api.openshift.com/managed is missing');
    const shown = () => [...(run.fleet()?.clusters ?? [])].find((series) => series.namespace === namespace);
    await expect.poll(shown).toMatchObject({ gate: 'NotManaged' });
    await patchCluster(managementCluster(), unmanaged, '/metadata/annotations', { note: 'nothing to certman' });
    // An Event that the watch of another test counts up meanwhile takes more requests; the decision to say it is made once.
    await eventually(
      'this controller records an Event',
      async () => proxied.proxy.seen,
      (seen) => seen.some(({ method, path }) => method === 'POST' && path.includes(`/namespaces/${namespace}/events`)),
    );
    await sleep(QUIET_MS);
    const decided = run.logs.filter((line) => line.includes(`"${namespace}/unmanaged"`) && line.includes('"explain"'));
    expect(decided).toHaveLength(1);
    expect(await run.receivedSignals(unmanaged)).toBeUndefined();
    await patchCluster(managementCluster(), unmanaged, '/metadata/labels', { 'api.openshift.com/managed': 'true' });
    await run.untilReceived(unmanaged, ['observed']);
    await run.stop();
    await proxied.close();
  });

  test('because it cannot be read is reported in an Event, and the others are served', async () => {
    const run = await harness().startController();
    const namespace = await managementCluster().namespace();
    const made = await managementCluster().admin.create(CLUSTER_DEPLOYMENTS, {
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
    const event = await waitForEvent(managementCluster(), identityOf(made), 'InvalidClusterDeployment');
    expect(event['message']).toContain('spec.certificateBundles');
    const cluster = await createCluster(managementCluster());
    await run.untilReceived(cluster, ['observed']);
    await expect
      .poll(() => [...(run.fleet()?.clusters ?? [])].find((series) => series.namespace === namespace)?.gate)
      .toBe('InvalidClusterDeployment');
    await managementCluster().admin.delete(CLUSTER_DEPLOYMENTS, { namespace, name: 'odd' });
  });

  test('because it is not installed is signalled once it is', async () => {
    const run = await harness().startController();
    const namespace = await managementCluster().namespace();
    const { object } = await managementCluster().cluster();
    const made = await managementCluster().admin.create(CLUSTER_DEPLOYMENTS, {
      metadata: { namespace, name: 'c1', labels: { 'api.openshift.com/managed': 'true' } },
      spec: { ...(object['spec'] as object), installed: false },
    });
    if (made === undefined) throw new Error('not made');
    await sleep(QUIET_MS);
    expect(await run.receivedSignals(identityOf(made))).toBeUndefined();
    await patchCluster(managementCluster(), identityOf(made), '/spec/installed', true);
    await run.untilReceived(identityOf(made), ['observed']);
  });
});
