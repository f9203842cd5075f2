/**
 * Worker Versioning, as the Temporal worker controller or an operator drives it: turned on, moved from a version to the next
 * while the fleet is in the middle of everything, two versions side by side, back, and off. Version 1 runs the present
 * workflow code, 2 and 3 are two builds of a next one.
 */
import { beforeAll, expect, test } from 'vitest';
import { watchWorkflowId } from '../../../src/contract/ids.ts';
import { watchStatus } from '../../../src/contract/management-cluster-watch.ts';
import { createCluster, createClusters, type E2eCluster } from '../../support/e2e/clusters.ts';
import { caLog, expectDecommissioned, untilCertified } from '../../support/e2e/evidence.ts';
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

/** Each is on either version by a digest of its id: that all are on one happens once in 32768 runs. */
const SIDE_BY_SIDE = 16;

const lab = useE2eHarness({ worker: false });

let versions: Versions;
/** Orders that the tests so far needed. */
let needed = 0;
/** Started on version 3. */
let newest: E2eCluster;

beforeAll(async () => {
  versions = await prepareVersions(lab());
});

const buildIdsOf = async (cluster: E2eCluster) => buildIdsIn(await historyOf(lab(), cluster));

async function certified(cluster: E2eCluster): Promise<string> {
  return (await untilCertified(lab(), cluster)).serialNumber;
}

async function loseSecret(cluster: E2eCluster): Promise<void> {
  const serialNumber = await certified(cluster);
  await deleteSecret(lab(), cluster);
  await waitForReissue(lab(), cluster, serialNumber);
  needed += 1;
}

test('turned on, runs that started unversioned continue on the version that is made current', async () => {
  await versions.startPresent('plain');
  const cluster = await createCluster(lab(), 'plain');
  await certified(cluster);
  needed += 1;
  await versions.startPresent('one', versionEnvironment('1'));
  await setCurrentVersion(lab(), '1');
  expect(await lab().stopWorker('plain')).toBe('code 0');
  await loseSecret(cluster);
  expect(await buildIdsOf(cluster)).toEqual(['', '1']);
});

test('a version gets no tasks before it is made current', async () => {
  await versions.startNext('two', versionEnvironment('2'));
  const cluster = await createCluster(lab(), 'early');
  await certified(cluster);
  needed += 1;
  expect(await buildIdsOf(cluster)).toEqual(['1']);
});

test('a fleet in the middle of everything moves to the version that is made current, and loses nothing', async () => {
  const fleet = await createMixedFleet(lab(), 'moved');
  await setCurrentVersion(lab(), '2');
  expect(await lab().stopWorker('one')).toBe('code 0');
  await fleet.resume();
  const late = await createCluster(lab(), 'late');
  const all = [...fleet.asleep, fleet.installing, fleet.publishing, fleet.waiting, late];
  expect(new Set(await Promise.all(all.map(certified)))).toHaveLength(all.length);
  await expectDecommissioned(lab(), fleet.decommissioning, { revoked: [fleet.decommissioningSerial] });
  needed += ORDERS_OF_MIXED_FLEET + 1;

  const [sleeper] = fleet.asleep as readonly [E2eCluster, E2eCluster];
  expect(await buildIdsOf(sleeper)).toEqual(['1']);
  await loseSecret(sleeper);
  for (const cluster of [sleeper, fleet.installing, fleet.publishing, fleet.waiting, fleet.decommissioning]) {
    const history = await historyOf(lab(), cluster);
    expect([buildIdsIn(history), patchesIn(history)], cluster.name).toEqual([['1', '2'], []]);
  }
  expect(patchesIn(await historyOf(lab(), late))).toEqual([NEXT_PATCH]);
  const watch = await lab().client.workflow.getHandle(watchWorkflowId('hive')).query(watchStatus);
  expect(watch.holder?.worker).toBe('two');
  expect((await caLog(lab())).orders).toBe(needed);
});

test('two versions work side by side, each workflow on one of them', async () => {
  await versions.startNext('three', versionEnvironment('3'));
  await setRampingVersion(lab(), '3', 50);
  const clusters = await createClusters(lab(), 'shared', SIDE_BY_SIDE);
  await Promise.all(clusters.map(certified));
  needed += SIDE_BY_SIDE;
  const builds = await Promise.all(clusters.map(buildIdsOf));
  expect(new Set(builds.map(String))).toEqual(new Set(['2', '3']));
  expect((await caLog(lab())).orders).toBe(needed);
});

test('back on the previous version, runs that started on the newer one continue', async () => {
  await setCurrentVersion(lab(), '3');
  newest = await createCluster(lab(), 'newest');
  await certified(newest);
  needed += 1;
  expect(await buildIdsOf(newest)).toEqual(['3']);
  await setCurrentVersion(lab(), '2');
  expect(await lab().stopWorker('three')).toBe('code 0');
  await loseSecret(newest);
  expect(await buildIdsOf(newest)).toEqual(['3', '2']);
  expect((await caLog(lab())).orders).toBe(needed);
});

test('turned off, everything continues on unversioned workers', async () => {
  await versions.startNext('plain-again');
  await setUnversioned(lab());
  expect(await lab().stopWorker('two')).toBe('code 0');
  const cluster = await createCluster(lab(), 'last');
  await certified(cluster);
  needed += 1;
  expect(await buildIdsOf(cluster)).toEqual(['']);
  await loseSecret(newest);
  expect(await buildIdsOf(newest)).toEqual(['3', '2', '']);
  expect((await caLog(lab())).orders).toBe(needed);
});

test('over all this no workflow task failed', async () => {
  expect(await failedTasks(lab())).toEqual([]);
});
