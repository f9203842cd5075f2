/** What the controller does when Temporal's frontend refuses its signals or lists for a while. */
import { setTimeout as sleep } from 'node:timers/promises';
import { defaultPayloadConverter } from '@temporalio/common';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ClusterView } from '../../../src/clusters/cluster-view.ts';
import { clusterObserved } from '../../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId, watchWorkflowId } from '../../../src/contract/ids.ts';
import { projectClusterDeployment } from '../../../src/kubernetes/objects/cluster-deployment.ts';
import { CLUSTER_DEPLOYMENTS, SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import {
  type Cluster,
  createCluster,
  keyOf,
  patchCluster,
  writeIssuedObjects,
} from '../../support/controller/clusters.ts';
import { type ControllerRun, QUIET_MS, useControllerHarness } from '../../support/controller/harness.ts';
import { setState } from '../../support/controller/recording-workflows.ts';
import { watchesUnbroken } from '../../support/controller/watch-attempt.ts';
import {
  GRPC,
  isSignalTo,
  isWorkflowList,
  startTemporalFrontend,
  type TemporalFrontend,
} from '../../support/faults/temporal-frontend.ts';
import { useManagementCluster } from '../../support/kubernetes/management-cluster.ts';
import { eventually } from '../../support/vitest/eventually.ts';

const RESYNC_INTERVAL_MS = 3_000;
/** Signals of views. The resync also signals that clusters without objects lack them. */
const OBSERVED = /^observed/;
/** Of views and of what these tests change. */
const CHANGES = /^observed|credentials Secret/;
const WOKEN = /may have changed/;
/** After which the controller gives up a signal. */
const MAX_ATTEMPTS = 6;

const managementCluster = useManagementCluster();
const harness = useControllerHarness(managementCluster);

async function startFrontend(): Promise<TemporalFrontend> {
  const frontend = await startTemporalFrontend(harness().env.address);
  onTestFinished(() => frontend.close());
  return frontend;
}

async function untilRefused(frontend: TemporalFrontend, times = MAX_ATTEMPTS): Promise<void> {
  await eventually(
    'the frontend refuses',
    async () => frontend.refused(),
    (refused) => refused >= times,
  );
}

async function untilLogged(run: ControllerRun, message: string, cluster: Cluster): Promise<void> {
  const isLogged = (lines: readonly string[]) =>
    lines.some((line) => line.startsWith(message) && line.includes(cluster.namespace));
  await eventually(`the log says: ${message}`, async () => run.logs, isLogged);
}

async function pauseCluster(cluster: Cluster): Promise<void> {
  await patchCluster(managementCluster(), cluster, '/metadata/annotations', {
    'hive.openshift.io/reconcile-pause': 'true',
  });
}

const watchesOn = (run: ControllerRun) => watchesUnbroken(harness().env.client, run.managementCluster);

const workflowOf = (run: ControllerRun, cluster: Cluster) =>
  harness().env.client.workflow.getHandle(clusterWorkflowId({ managementCluster: run.managementCluster, ...cluster }));

describe('a signal that Temporal refuses for a while', () => {
  test.each(Object.entries(GRPC))('with %s reaches its workflow within a resync', async (_name, status) => {
    const frontend = await startFrontend();
    const temporalAddress = frontend.address;
    const run = await harness().startController({ temporalAddress, resyncIntervalMs: RESYNC_INTERVAL_MS });
    const cluster = await createCluster(managementCluster());
    await run.untilReceived(cluster, ['observed'], OBSERVED);
    frontend.refuse(status, isSignalTo(cluster));
    await pauseCluster(cluster);
    await untilRefused(frontend);
    if (status !== GRPC.UNAVAILABLE) await untilLogged(run, 'A cluster is not being served', cluster);
    frontend.serve();
    await run.untilReceived(cluster, ['observed', 'observed'], OBSERVED);
    if (status !== GRPC.UNAVAILABLE) expect(await watchesOn(run)).toBe(true);
  });

  test('is repeated by another worker, which knows no more than that the change was handled', async () => {
    const frontend = await startFrontend();
    const first = await harness().startController({ temporalAddress: frontend.address });
    const cluster = await createCluster(managementCluster());
    await first.untilReceived(cluster, ['observed']);
    frontend.refuse(GRPC.FAILED_PRECONDITION, isSignalTo(cluster));
    await pauseCluster(cluster);
    await untilLogged(first, 'A cluster is not being served', cluster);
    const object = await managementCluster().admin.get(CLUSTER_DEPLOYMENTS, keyOf(cluster));
    if (object !== undefined) await first.untilHandled(object);
    await sleep(QUIET_MS);
    await first.stop();
    frontend.serve();
    const second = await harness().startController({
      managementCluster: first.managementCluster,
      worker: 'worker-2',
      resyncIntervalMs: RESYNC_INTERVAL_MS,
    });
    await second.untilReceived(cluster, ['observed', 'observed'], OBSERVED);
  });

  test('about a dependency is repeated by the resync', async () => {
    const frontend = await startFrontend();
    const temporalAddress = frontend.address;
    const cluster = await createCluster(managementCluster());
    // Without its objects, the resync would signal that they are missing, which covers any other signal.
    await writeIssuedObjects(managementCluster(), cluster);
    const run = await harness().startController({ temporalAddress, resyncIntervalMs: RESYNC_INTERVAL_MS });
    await run.untilReceived(cluster, ['observed'], OBSERVED);
    frontend.refuse(GRPC.UNIMPLEMENTED, isSignalTo(cluster));
    const { namespace } = cluster;
    await managementCluster().admin.create(SECRETS, { metadata: { namespace, name: 'aws' }, stringData: { a: 'b' } });
    await untilLogged(run, 'Temporal rejected a request about a cluster', cluster);
    frontend.serve();
    const expected = ['observed', 'The credentials Secret aws changed.'];
    await run.untilReceived(cluster, expected, CHANGES);
    await sleep(RESYNC_INTERVAL_MS + QUIET_MS);
    await run.untilReceived(cluster, expected, CHANGES);
  });

  test('about a dependency is made up for by the list of another worker', async () => {
    const frontend = await startFrontend();
    const first = await harness().startController({ temporalAddress: frontend.address });
    const cluster = await createCluster(managementCluster());
    await first.untilReceived(cluster, ['observed']);
    await park(first, cluster, 'DnsCredentialsMissing');
    frontend.refuse(GRPC.FAILED_PRECONDITION, isSignalTo(cluster));
    const { namespace } = cluster;
    await managementCluster().admin.create(SECRETS, { metadata: { namespace, name: 'aws' }, stringData: { a: 'b' } });
    await untilLogged(first, 'Temporal rejected a request about a cluster', cluster);
    await first.stop();
    frontend.serve();
    const before = await wokenSignals(first, cluster);
    const second = await harness().startController({ managementCluster: first.managementCluster, worker: 'worker-2' });
    const woken = 'The Secrets may have changed while they were not watched.';
    await second.untilReceived(cluster, [...before, woken], WOKEN);
  });
});

describe('the resync', () => {
  test('signals a workflow that observed another state than the present one, and no other', async () => {
    const run = await harness().startController({ resyncIntervalMs: RESYNC_INTERVAL_MS });
    const [late, fine] = [await createCluster(managementCluster()), await createCluster(managementCluster())];
    for (const cluster of [late, fine]) await run.untilReceived(cluster, ['observed'], OBSERVED);
    const view = await viewOf(run, late);
    await workflowOf(run, late).signal(clusterObserved, { ...view, paused: true, resourceVersion: undefined });
    await run.untilReceived(late, ['observed', 'observed', 'observed'], OBSERVED);
    await sleep(RESYNC_INTERVAL_MS + QUIET_MS);
    await run.untilReceived(late, ['observed', 'observed', 'observed'], OBSERVED);
    await run.untilReceived(fine, ['observed'], OBSERVED);
  });

  test('prevails over a resourceVersion from before the API server was restored from a backup', async () => {
    const run = await harness().startController({ resyncIntervalMs: RESYNC_INTERVAL_MS });
    const cluster = await createCluster(managementCluster());
    await run.untilReceived(cluster, ['observed'], OBSERVED);
    const view = await viewOf(run, cluster);
    await workflowOf(run, cluster).signal(clusterObserved, { ...view, paused: true, resourceVersion: '9'.repeat(18) });
    await run.untilReceived(cluster, ['observed', 'observed', 'observed older', 'observed'], OBSERVED);
  });
});

describe('an outage of visibility', () => {
  test('is waited out: neither the informers nor the pollers stop, and waiting clusters are found after it', async () => {
    const frontend = await startFrontend();
    const operatorNamespace = await managementCluster().namespace();
    const run = await harness().startController({
      kubernetes: managementCluster().admin,
      operatorNamespace,
      temporalAddress: frontend.address,
      resyncIntervalMs: RESYNC_INTERVAL_MS,
    });
    const waiting = await createCluster(managementCluster());
    await run.untilReceived(waiting, ['observed'], OBSERVED);
    await park(run, waiting, 'AcmeAccountMissing');
    frontend.refuse(GRPC.UNAVAILABLE, isWorkflowList);
    await managementCluster().admin.create(SECRETS, {
      metadata: { namespace: operatorNamespace, name: 'lets-encrypt-account' },
      stringData: { 'account-url': 'x', 'private-key': 'y' },
    });
    const failures = ['The resync failed', 'The clusters that wait or fail cannot be listed'];
    await eventually(
      'the resync and the round fail',
      async () => failures.filter((failure) => !run.logs.some((line) => line.startsWith(failure))),
      (missing) => missing.length === 0,
    );
    expect(run.failedWorkflowLists()).toBeGreaterThanOrEqual(failures.length);
    const meanwhile = await createCluster(managementCluster());
    await run.untilReceived(meanwhile, ['observed'], OBSERVED);
    frontend.serve();
    const changed = `The Secret lets-encrypt-account in ${operatorNamespace} changed.`;
    await run.untilReceived(waiting, [changed], /^The Secret lets-encrypt-account/);
    expect(await watchesOn(run)).toBe(true);
  });
});

test('after a list without a position, clusters that wait for a dependency are signalled once, and no others', async () => {
  const first = await harness().startController();
  const clusters = {
    credentials: await createCluster(managementCluster()),
    zone: await createCluster(managementCluster()),
    settings: await createCluster(managementCluster()),
    rateLimit: await createCluster(managementCluster()),
  };
  for (const cluster of Object.values(clusters)) await first.untilReceived(cluster, ['observed']);
  await park(first, clusters.credentials, 'DnsCredentialsMissing');
  await park(first, clusters.zone, 'DnsZoneNotFound');
  await park(first, clusters.settings, 'ConfigurationInvalid');
  await park(first, clusters.rateLimit, 'AcmeRateLimited');
  await first.stop();
  const terminated = harness().env.client.workflow.getHandle(watchWorkflowId(first.managementCluster));
  await terminated.terminate('its position is lost');
  const expected = new Map<keyof typeof clusters, string[]>();
  const dependencies = {
    credentials: 'Secrets',
    zone: 'DNSZones',
    settings: 'settings',
    rateLimit: undefined,
  } as const;
  for (const [name, dependency] of Object.entries(dependencies) as [keyof typeof clusters, string | undefined][]) {
    const woken = dependency && `The ${dependency} may have changed while they were not watched.`;
    expected.set(name, [...(await wokenSignals(first, clusters[name])), ...(woken ? [woken] : [])]);
  }
  const second = await harness().startController({ managementCluster: first.managementCluster, worker: 'worker-2' });
  for (const [name, signals] of expected) await second.untilReceived(clusters[name], signals, WOKEN);
  // Longer than the pause before the second pass.
  await sleep(5_000 + QUIET_MS);
  for (const [name, signals] of expected)
    expect(
      (await second.receivedSignals(clusters[name]))?.filter((what) => WOKEN.test(what)),
      name,
    ).toEqual(signals);
});

/** The first controller lists without a position too, and its second pass may find a cluster that was parked meanwhile. */
async function wokenSignals(run: ControllerRun, cluster: Cluster): Promise<string[]> {
  const { events } = await workflowOf(run, cluster).fetchHistory();
  return (events ?? [])
    .flatMap(({ workflowExecutionSignaledEventAttributes: signaled }) => signaled?.input?.payloads ?? [])
    .map((payload) => defaultPayloadConverter.fromPayload<{ readonly what?: string }>(payload).what ?? '')
    .filter((what) => WOKEN.test(what));
}

/** Shows a cluster as waiting for a reason, as its workflow would. */
async function park(run: ControllerRun, cluster: Cluster, reason: string): Promise<void> {
  const handle = workflowOf(run, cluster);
  await handle.signal(setState, 'Waiting', reason);
  await eventually(
    'it can be found by its reason',
    () => harness().env.client.workflow.count(`WorkflowId = "${handle.workflowId}" AND CertReason = "${reason}"`),
    ({ count }) => count === 1,
  );
}

async function viewOf(run: ControllerRun, cluster: Cluster): Promise<ClusterView> {
  const object = await managementCluster().admin.get(CLUSTER_DEPLOYMENTS, keyOf(cluster));
  const settings = { managementCluster: run.managementCluster, extraRecord: 'rh-api' };
  const projected = object && projectClusterDeployment(object, settings);
  if (projected?.kind !== 'cluster') throw new Error('it cannot be read');
  return projected.view;
}
