import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { clusterWorkflowId } from '../../../src/contract/ids.ts';
import { CertCluster } from '../../../src/contract/search-attributes.ts';
import {
  CERTIFICATE_REQUESTS,
  CLUSTER_DEPLOYMENTS,
  FINALIZER,
  SECRETS,
} from '../../../src/kubernetes/objects/resources.ts';
import { type Cluster, createCluster, identityOf, keyOf } from '../../support/controller/clusters.ts';
import { type ControllerRun, QUIET_MS, useControllerHarness } from '../../support/controller/harness.ts';
import { finish } from '../../support/controller/recording-workflows.ts';
import {
  createClusterDeployment,
  createRequest,
  requestSpec,
  useManagementCluster,
} from '../../support/kubernetes/management-cluster.ts';
import { startApiServerProxy } from '../../support/kubernetes/proxied-api-server.ts';
import { eventually } from '../../support/vitest/eventually.ts';

const managementCluster = useManagementCluster();
const harness = useControllerHarness(managementCluster);

/** The resync also signals missing owned objects: no workflow writes them here. */
const OF_ITS_LIFE = /^(observed|claimed|gone)/;

async function makeRequest(namespace?: string, name = 'web'): Promise<Cluster> {
  const { uid, ...key } = await createRequest(
    managementCluster().admin,
    namespace ?? (await managementCluster().namespace()),
    name,
  );
  return { ...key, uid, kind: 'CertificateRequest' };
}

/** As its workflow holds it. */
async function hold(request: Cluster): Promise<void> {
  await patchRequest(request, '/metadata/finalizers', [FINALIZER]);
}

async function patchRequest(request: Cluster, path: string, value: unknown): Promise<void> {
  await managementCluster().admin.patch(CERTIFICATE_REQUESTS, keyOf(request), [{ op: 'add', path, value }]);
}

describe('a standalone CertificateRequest', () => {
  test('is signalled once to its workflow, whether it existed or is created', async () => {
    const before = await makeRequest();
    const run = await harness().startController();
    await run.untilReceived(before, ['observed']);
    const after = await makeRequest();
    await run.untilReceived(after, ['observed']);
    await hold(after);
    await sleep(QUIET_MS);
    expect(await run.receivedSignals(before)).toEqual(['observed']);
    expect(await run.receivedSignals(after)).toEqual(['observed']);
    const { typedSearchAttributes } = await harness()
      .env.client.workflow.getHandle(clusterWorkflowId({ managementCluster: run.managementCluster, ...after }))
      .describe();
    expect(typedSearchAttributes.get(CertCluster)).toBe(`${after.namespace}/web`);
    const shown = () => [...(run.fleet()?.standalone ?? [])].find(({ namespace }) => namespace === after.namespace);
    await expect.poll(shown).toMatchObject({ name: 'web', gate: 'Serve' });
    expect([...(run.fleet()?.clusters ?? [])].filter(({ namespace }) => namespace === after.namespace)).toEqual([]);
  });

  test('is signalled changed names, and to re-evaluate other changes, each once', async () => {
    const run = await harness().startController();
    const request = await makeRequest();
    await run.untilReceived(request, ['observed']);
    await patchRequest(request, '/spec/dnsNames', ['www.example.com']);
    await run.untilReceived(request, ['observed', 'observed']);
    await patchRequest(request, '/spec/renewBeforeDays', 20);
    const woken = 'The spec of the CertificateRequest web was changed by another field manager.';
    await run.untilReceived(request, ['observed', 'observed', woken]);
    await patchRequest(request, '/metadata/annotations', { note: 'nothing to certman' });
    await sleep(QUIET_MS);
    expect(await run.receivedSignals(request)).toEqual(['observed', 'observed', woken]);
  });

  test('is signalled changes of its Secret, its credentials, its finalizer', async () => {
    const request = await makeRequest();
    const { namespace } = request;
    await hold(request);
    await managementCluster().admin.create(SECRETS, { metadata: { namespace, name: 'primary-cert' } });
    const run = await harness().startController();
    await run.untilReceived(request, ['observed']);
    await managementCluster().admin.create(SECRETS, { metadata: { namespace, name: 'aws' } });
    await managementCluster().admin.delete(SECRETS, { namespace, name: 'primary-cert' });
    await run.untilReceived(request, [
      'observed',
      'The credentials Secret aws changed.',
      'The Secret primary-cert was deleted.',
    ]);
    await managementCluster().admin.patch(CERTIFICATE_REQUESTS, keyOf(request), [
      { op: 'remove', path: '/metadata/finalizers' },
    ]);
    const expected = [
      'observed',
      'The credentials Secret aws changed.',
      'The Secret primary-cert was deleted.',
      'The finalizer of the CertificateRequest was removed.',
    ];
    await run.untilReceived(request, expected);
  });

  test('is signalled its deletion, and its release starts no second run', async () => {
    const run = await harness().startController();
    const request = await makeRequest();
    await hold(request);
    await run.untilReceived(request, ['observed']);
    await managementCluster().admin.delete(CERTIFICATE_REQUESTS, keyOf(request));
    await run.untilReceived(request, ['observed', 'observed deleting']);
    await managementCluster().certman.patch(CERTIFICATE_REQUESTS, keyOf(request), [
      { op: 'remove', path: '/metadata/finalizers' },
    ]);
    const handle = harness().env.client.workflow.getHandle(
      clusterWorkflowId({ managementCluster: run.managementCluster, ...request }),
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

  test('that disappears is signalled as gone, with its last state', async () => {
    const run = await harness().startController();
    const request = await makeRequest();
    await run.untilReceived(request, ['observed']);
    await managementCluster().admin.delete(CERTIFICATE_REQUESTS, keyOf(request));
    await run.untilReceived(request, ['observed', 'gone with web']);
  });

  test('that loses its workflow gets another by the resync; the others are not signalled', async () => {
    const run = await harness().startController({ resyncIntervalMs: 1_000 });
    const [lost, fine] = [await makeRequest(), await makeRequest()];
    for (const request of [lost, fine]) {
      await hold(request);
      await run.untilReceived(request, ['observed'], OF_ITS_LIFE);
    }
    const handle = harness().env.client.workflow.getHandle(
      clusterWorkflowId({ managementCluster: run.managementCluster, ...lost }),
    );
    const { runId } = await handle.describe();
    await handle.terminate('terminated by mistake');
    await expect.poll(async () => (await handle.describe()).runId).not.toBe(runId);
    await run.untilReceived(lost, ['observed'], OF_ITS_LIFE);
    await sleep(3_000);
    // The resync of owned objects finds no status, which no workflow has written here.
    expect((await run.receivedSignals(lost))?.filter((one) => one === 'observed')).toEqual(['observed']);
    expect((await run.receivedSignals(fine))?.filter((one) => one === 'observed')).toEqual(['observed']);
  });
});

/** The list with one entry of many equal ones. */
function onceEach(entry: string, list: readonly string[]): readonly string[] {
  return list.filter((one, index) => one !== entry || list.indexOf(one) === index);
}

/** The watch signals the claim, and so does each resync that finds the workflow still running: repeatedly for a slow workflow. */
async function untilHandedOver(run: ControllerRun, request: Cluster): Promise<void> {
  await eventually(
    'it is handed over, and gets no other signal',
    async () =>
      onceEach('claimed by c1', (await run.receivedSignals(request))?.filter((one) => OF_ITS_LIFE.test(one)) ?? []),
    (signals) => JSON.stringify(signals) === JSON.stringify(['observed', 'claimed by c1']),
  );
}

describe('a CertificateRequest without an owner reference', () => {
  test('whose ClusterDeployment is known belongs to that one only', async () => {
    const namespace = await managementCluster().namespace();
    const cluster = identityOf(await createClusterDeployment(managementCluster().admin, namespace, 'c1'));
    const request = await makeRequest(namespace, 'c1-primary');
    const run = await harness().startController({ resyncIntervalMs: 1_000 });
    await run.untilReceived(cluster, ['observed'], OF_ITS_LIFE);
    await sleep(3_000);
    expect(await run.receivedSignals(request)).toBeUndefined();
  });

  test('whose ClusterDeployment cannot be read is not served until that is repaired or gone', async () => {
    const namespace = await managementCluster().namespace();
    await managementCluster().admin.create(CLUSTER_DEPLOYMENTS, {
      metadata: { namespace, name: 'odd' },
      spec: { baseDomain: 'example.com', clusterName: 'odd', platform: {}, certificateBundles: 'none' },
    });
    const request = await makeRequest(namespace, 'odd-primary');
    const run = await harness().startController();
    const other = await makeRequest();
    await run.untilReceived(other, ['observed']);
    await sleep(QUIET_MS);
    expect(await run.receivedSignals(request)).toBeUndefined();
    await managementCluster().admin.delete(CLUSTER_DEPLOYMENTS, { namespace, name: 'odd' });
    await run.untilReceived(request, ['observed']);
  });

  test('is released when a ClusterDeployment with that bundle is created, and served again when that one is gone', async () => {
    const run = await harness().startController({ resyncIntervalMs: 1_000 });
    const request = await makeRequest(undefined, 'c1-primary');
    const { namespace } = request;
    await run.untilReceived(request, ['observed'], OF_ITS_LIFE);
    const cluster = identityOf(await createClusterDeployment(managementCluster().admin, namespace, 'c1'));
    await untilHandedOver(run, request);
    await run.untilReceived(cluster, ['observed'], OF_ITS_LIFE);
    await sleep(3_000);
    await untilHandedOver(run, request);
    await managementCluster().admin.delete(CLUSTER_DEPLOYMENTS, { namespace, name: 'c1' });
    // Its workflow has ended; another begins.
    await run.untilReceived(request, ['observed'], OF_ITS_LIFE);
  });

  test('that was claimed while no worker watched is released by the resync', async () => {
    const first = await harness().startController();
    const request = await makeRequest(undefined, 'c1-primary');
    await first.untilReceived(request, ['observed']);
    await first.stop();
    await createClusterDeployment(managementCluster().admin, request.namespace, 'c1');
    const second = await harness().startController({
      managementCluster: first.managementCluster,
      resyncIntervalMs: 1_000,
    });
    await untilHandedOver(second, request);
    await sleep(2_500);
    await untilHandedOver(second, request);
  });
});

test('a request that was refused a Secret is signalled when the request that has it is gone', async () => {
  const run = await harness().startController();
  const namespace = await managementCluster().namespace();
  const [older, younger] = [await makeRequest(namespace, 'older'), await makeRequest(namespace, 'younger')];
  await run.untilReceived(younger, ['observed']);
  expect(requestSpec('c1').certificateSecret.name).toBe('primary-cert');
  await managementCluster().admin.delete(CERTIFICATE_REQUESTS, keyOf(older));
  await run.untilReceived(younger, ['observed', 'The CertificateRequest older was deleted.']);
});

test('while the API server does not know ClusterDeployments, those that were cached are left as they are', async () => {
  const proxied = await startApiServerProxy(managementCluster().certmanConfig);
  const run = await harness().startController({ kubernetes: proxied.api, resyncIntervalMs: 1_000 });
  const cluster = await createCluster(managementCluster());
  const request = await makeRequest();
  await run.untilReceived(cluster, ['observed'], OF_ITS_LIFE);
  await run.untilReceived(request, ['observed'], OF_ITS_LIFE);
  // First, since a 404 is one of a kind that is missing only if discovery says so.
  proxied.proxy.inject({
    when: ({ path }) => path === '/apis',
    fault: { kind: 'answer', status: 200, body: { kind: 'APIGroupList', apiVersion: 'v1', groups: [] } },
  });
  const unknown = proxied.proxy.inject({
    when: ({ path }) => path.includes('/clusterdeployments'),
    fault: { kind: 'answer', status: 404, body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: 404 } },
  });
  const resyncs = (): number => run.logs.filter((line) => line.startsWith('Resynced')).length;
  const resyncOnceMore = async (): Promise<void> => {
    const before = resyncs();
    await expect.poll(resyncs).toBeGreaterThan(before);
  };
  // One that had begun before may fail: it knew ClusterDeployments.
  await resyncOnceMore();
  await resyncOnceMore();
  const failures = (): number => run.logs.filter((line) => line.startsWith('The resync failed')).length;
  const before = { failures: failures(), hits: unknown.hits() };
  await resyncOnceMore();
  await resyncOnceMore();
  expect(unknown.hits()).toBeGreaterThan(before.hits);
  expect((await run.receivedSignals(cluster))?.filter((one) => /^(observed|gone)/.test(one))).toEqual(['observed']);
  expect((await run.receivedSignals(request))?.filter((one) => /^(observed|gone)/.test(one))).toEqual(['observed']);
  expect(failures()).toBe(before.failures);
  await run.stop();
  await proxied.close();
});
