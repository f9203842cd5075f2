/**
 * Worker Versioning, as the Temporal worker controller or an operator drives it: turned on, moved from a version to the next
 * while the fleet is in the middle of everything, two versions side by side, back, and off. Version 1 runs the workflow code
 * of the version before, 2 and 3 are two builds of the present one.
 */
import { beforeAll, expect, test } from 'vitest';
import { PATCHES } from '../../../src/worker/patches.ts';
import { watchStatus, watchWorkflowId } from '../../../workflows/contract.ts';
import { buildIdsIn, patchesIn } from '../../support/history-events.ts';
import { type LifeCluster, newCluster, newClusters } from '../../support/life-clusters.ts';
import { caLog, expectCleared, untilCertified } from '../../support/life-evidence.ts';
import { useLifeLab } from '../../support/life-lab.ts';
import { mixedFleet, ORDERS_OF_MIXED_FLEET } from '../../support/mixed-fleet.ts';
import {
  failedTasks,
  historyOf,
  loseSecret,
  prepareVersions,
  reissued,
  type Versions,
} from '../../support/upgrades.ts';
import { setCurrentVersion, setRampingVersion, setUnversioned, versioned } from '../../support/worker-deployment.ts';

/** Each is on either version by a digest of its id: that all are on one happens once in 32768 runs. */
const SIDE_BY_SIDE = 16;

const lab = useLifeLab({ worker: false });

let versions: Versions;
/** Orders that the tests so far needed. */
let needed = 0;
/** Began on version 3. */
let newest: LifeCluster;

beforeAll(async () => {
  versions = await prepareVersions(lab());
});

const buildIdsOf = async (cluster: LifeCluster) => buildIdsIn(await historyOf(lab(), cluster));

async function certified(cluster: LifeCluster): Promise<string> {
  return (await untilCertified(lab(), cluster)).serialNumber;
}

async function losesItsSecret(cluster: LifeCluster): Promise<void> {
  const serialNumber = await certified(cluster);
  await loseSecret(lab(), cluster);
  await reissued(lab(), cluster, serialNumber);
  needed += 1;
}

test('turned on, what began unversioned goes on on the version that is made current', async () => {
  await versions.startEarlier('plain');
  const cluster = await newCluster(lab(), 'plain');
  await certified(cluster);
  needed += 1;
  await versions.startEarlier('one', versioned('1'));
  await setCurrentVersion(lab(), '1');
  expect(await lab().stopWorker('plain')).toBe('code 0');
  await losesItsSecret(cluster);
  expect(await buildIdsOf(cluster)).toEqual(['', '1']);
});

test('a version is given nothing before it is made current', async () => {
  await versions.startPresent('two', versioned('2'));
  const cluster = await newCluster(lab(), 'early');
  await certified(cluster);
  needed += 1;
  expect(await buildIdsOf(cluster)).toEqual(['1']);
});

test('a fleet in the middle of everything moves to the version that is made current, and loses nothing', async () => {
  const fleet = await mixedFleet(lab(), 'moved');
  await setCurrentVersion(lab(), '2');
  expect(await lab().stopWorker('one')).toBe('code 0');
  await fleet.letGoOn();
  const late = await newCluster(lab(), 'late');
  const all = [...fleet.asleep, fleet.installing, fleet.publishing, fleet.waiting, late];
  expect(new Set(await Promise.all(all.map(certified)))).toHaveLength(all.length);
  await expectCleared(lab(), fleet.leaving, { revoked: [fleet.leavingSerial] });
  needed += ORDERS_OF_MIXED_FLEET + 1;

  const [sleeper] = fleet.asleep as readonly [LifeCluster, LifeCluster];
  expect(await buildIdsOf(sleeper)).toEqual(['1']);
  await losesItsSecret(sleeper);
  for (const cluster of [sleeper, fleet.installing, fleet.publishing, fleet.waiting, fleet.leaving]) {
    const history = await historyOf(lab(), cluster);
    expect([buildIdsIn(history), patchesIn(history)], cluster.name).toEqual([['1', '2'], []]);
  }
  expect(patchesIn(await historyOf(lab(), late))).toEqual(PATCHES);
  const watch = await lab().client.workflow.getHandle(watchWorkflowId('hive')).query(watchStatus);
  expect(watch.watching?.worker).toBe('two');
  expect((await caLog(lab())).orders).toBe(needed);
});

test('two versions work side by side, each workflow on one of them', async () => {
  await versions.startPresent('three', versioned('3'));
  await setRampingVersion(lab(), '3', 50);
  const clusters = await newClusters(lab(), 'shared', SIDE_BY_SIDE);
  await Promise.all(clusters.map(certified));
  needed += SIDE_BY_SIDE;
  const builds = await Promise.all(clusters.map(buildIdsOf));
  expect(new Set(builds.map(String))).toEqual(new Set(['2', '3']));
  expect((await caLog(lab())).orders).toBe(needed);
});

test('back on the version before, what began on the new one goes on', async () => {
  await setCurrentVersion(lab(), '3');
  newest = await newCluster(lab(), 'newest');
  await certified(newest);
  needed += 1;
  expect(await buildIdsOf(newest)).toEqual(['3']);
  await setCurrentVersion(lab(), '2');
  expect(await lab().stopWorker('three')).toBe('code 0');
  await losesItsSecret(newest);
  expect(await buildIdsOf(newest)).toEqual(['3', '2']);
  expect((await caLog(lab())).orders).toBe(needed);
});

test('turned off, everything goes on on workers without versions', async () => {
  await versions.startPresent('plain-again');
  await setUnversioned(lab());
  expect(await lab().stopWorker('two')).toBe('code 0');
  const cluster = await newCluster(lab(), 'last');
  await certified(cluster);
  needed += 1;
  expect(await buildIdsOf(cluster)).toEqual(['']);
  await losesItsSecret(newest);
  expect(await buildIdsOf(newest)).toEqual(['3', '2', '']);
  expect((await caLog(lab())).orders).toBe(needed);
});

test('over all this no workflow task failed', async () => {
  expect(await failedTasks(lab())).toEqual([]);
});
