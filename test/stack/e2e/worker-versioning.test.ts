/**
 * Worker Versioning, as the Temporal Worker Controller or an operator uses it: enabled, moved to the next version under a fleet in
 * every state, ramped, rolled back and disabled. Version 1 has the current workflow code, versions 2 and 3 are builds of the next.
 */
import { beforeAll, expect, test } from 'vitest';
import { watchWorkflowId } from '../../../src/contract/ids.ts';
import { watchStatus } from '../../../src/contract/management-cluster-watch.ts';
import { createCluster, createClusters, type E2eCluster } from '../../support/e2e/clusters.ts';
import { caLog, expectDecommissioned, waitUntilCertified } from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { createMixedFleet, ORDERS_OF_MIXED_FLEET } from '../../support/e2e/mixed-fleet.ts';
import {
  deleteSecret,
  failedTasks,
  historyOf,
  prepareVersions,
  type Versions,
  waitForReissue,
} from '../../support/e2e/upgrades.ts';
import { NEXT_PATCH } from '../../support/replay/next-workflows.ts';
import { buildIdsIn, patchesIn } from '../../support/temporal/history-events.ts';
import {
  setCurrentVersion,
  setRampingVersion,
  setUnversioned,
  versionEnvironment,
} from '../../support/temporal/worker-deployment.ts';

/** Temporal picks a version by a digest of the workflow id: all on the same version has a probability of 1 in 32768. */
const RAMPED_CLUSTERS = 16;

const lab = useE2eHarness({ worker: false });

let versions: Versions;
/** Orders that the tests have needed so far. */
let expectedOrders = 0;
/** Started on version 3. */
let newest: E2eCluster;

beforeAll(async () => {
  versions = await prepareVersions(lab());
});

const buildIdsOf = async (cluster: E2eCluster) => buildIdsIn(await historyOf(lab(), cluster));

async function waitForSerial(cluster: E2eCluster): Promise<string> {
  return (await waitUntilCertified(lab(), cluster)).serialNumber;
}

async function deleteSecretAndWait(cluster: E2eCluster): Promise<void> {
  const serialNumber = await waitForSerial(cluster);
  await deleteSecret(lab(), cluster);
  await waitForReissue(lab(), cluster, serialNumber);
  expectedOrders += 1;
}

test('when versioning is enabled, unversioned runs continue on the version made current', async () => {
  await versions.startPresent('plain');
  const cluster = await createCluster(lab(), 'plain');
  await waitForSerial(cluster);
  expectedOrders += 1;
  await versions.startPresent('one', versionEnvironment('1'));
  await setCurrentVersion(lab(), '1');
  expect(await lab().stopWorker('plain')).toBe('code 0');
  await deleteSecretAndWait(cluster);
  expect(await buildIdsOf(cluster)).toEqual(['', '1']);
});

test('a version gets no tasks before it is made current', async () => {
  await versions.startNext('two', versionEnvironment('2'));
  const cluster = await createCluster(lab(), 'early');
  await waitForSerial(cluster);
  expectedOrders += 1;
  expect(await buildIdsOf(cluster)).toEqual(['1']);
});

test('a fleet in every state continues on the version made current and loses no certificate', async () => {
  const fleet = await createMixedFleet(lab(), 'moved');
  await setCurrentVersion(lab(), '2');
  expect(await lab().stopWorker('one')).toBe('code 0');
  await fleet.resume();
  const late = await createCluster(lab(), 'late');
  const all = [...fleet.asleep, fleet.installing, fleet.publishing, fleet.waiting, late];
  expect(new Set(await Promise.all(all.map(waitForSerial)))).toHaveLength(all.length);
  await expectDecommissioned(lab(), fleet.decommissioning, { revoked: [fleet.decommissioningSerial] });
  expectedOrders += ORDERS_OF_MIXED_FLEET + 1;

  const [sleeper] = fleet.asleep as readonly [E2eCluster, E2eCluster];
  expect(await buildIdsOf(sleeper)).toEqual(['1']);
  await deleteSecretAndWait(sleeper);
  for (const cluster of [sleeper, fleet.installing, fleet.publishing, fleet.waiting, fleet.decommissioning]) {
    const history = await historyOf(lab(), cluster);
    expect(buildIdsIn(history), cluster.name).toEqual(['1', '2']);
    expect(patchesIn(history), cluster.name).not.toContain(NEXT_PATCH);
  }
  expect(patchesIn(await historyOf(lab(), late))).toContain(NEXT_PATCH);
  const watch = await lab().client.workflow.getHandle(watchWorkflowId('hive')).query(watchStatus);
  expect(watch.holder?.worker).toBe('two');
  expect((await caLog(lab())).orders).toBe(expectedOrders);
});

test('while a version ramps, each workflow runs on exactly one of two versions', async () => {
  await versions.startNext('three', versionEnvironment('3'));
  await setRampingVersion(lab(), '3', 50);
  const clusters = await createClusters(lab(), 'shared', RAMPED_CLUSTERS);
  await Promise.all(clusters.map(waitForSerial));
  expectedOrders += RAMPED_CLUSTERS;
  const builds = await Promise.all(clusters.map(buildIdsOf));
  expect(new Set(builds.map(String))).toEqual(new Set(['2', '3']));
  expect((await caLog(lab())).orders).toBe(expectedOrders);
});

test('after a rollback, runs of the newer version continue on the previous one', async () => {
  await setCurrentVersion(lab(), '3');
  newest = await createCluster(lab(), 'newest');
  await waitForSerial(newest);
  expectedOrders += 1;
  expect(await buildIdsOf(newest)).toEqual(['3']);
  await setCurrentVersion(lab(), '2');
  expect(await lab().stopWorker('three')).toBe('code 0');
  await deleteSecretAndWait(newest);
  expect(await buildIdsOf(newest)).toEqual(['3', '2']);
  expect((await caLog(lab())).orders).toBe(expectedOrders);
});

test('when versioning is disabled, all runs continue on unversioned workers', async () => {
  await versions.startNext('plain-again');
  await setUnversioned(lab());
  expect(await lab().stopWorker('two')).toBe('code 0');
  const cluster = await createCluster(lab(), 'last');
  await waitForSerial(cluster);
  expectedOrders += 1;
  expect(await buildIdsOf(cluster)).toEqual(['']);
  await deleteSecretAndWait(newest);
  expect(await buildIdsOf(newest)).toEqual(['3', '2', '']);
  expect((await caLog(lab())).orders).toBe(expectedOrders);
});

test('no workflow task has failed', async () => {
  expect(await failedTasks(lab())).toEqual([]);
});
