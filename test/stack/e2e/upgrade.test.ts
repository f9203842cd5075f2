/**
 * Replaces workers of the current version by workers of the next one, and back, under a fleet in every state. The next version
 * has the workflow code of test/support/replay/next-workflows.ts.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { renew } from '../../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId, watchWorkflowId } from '../../../src/contract/ids.ts';
import { watchStatus } from '../../../src/contract/management-cluster-watch.ts';
import { PATCHES_IN_INPUT } from '../../../src/contract/patches.ts';
import { waitFor } from '../../support/e2e/checks.ts';
import { createCluster, type E2eCluster } from '../../support/e2e/clusters.ts';
import {
  caLog,
  expectDecommissioned,
  stagingSecrets,
  txtRecords,
  waitUntilCertified,
} from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { createMixedFleet, type MixedFleet, ORDERS_OF_MIXED_FLEET } from '../../support/e2e/mixed-fleet.ts';
import {
  deleteSecret,
  failedTasks,
  historyOf,
  prepareVersions,
  type Versions,
  waitForReissue,
} from '../../support/e2e/upgrades.ts';
import { NEXT_PATCH } from '../../support/replay/next-workflows.ts';
import { failedTasksIn, givenPatchesIn, patchesIn } from '../../support/temporal/history-events.ts';

const lab = useE2eHarness({ worker: false });

let versions: Versions;

beforeAll(async () => {
  versions = await prepareVersions(lab());
});

/** Whether the latest run has the marker of the next version's change. */
const hasNextPatch = async (cluster: E2eCluster) => patchesIn(await historyOf(lab(), cluster)).includes(NEXT_PATCH);

describe('a rolling upgrade to the next version', () => {
  let fleet: MixedFleet;
  let late: E2eCluster;
  let serials: readonly string[];

  beforeAll(async () => {
    await versions.startPresent('present');
    fleet = await createMixedFleet(lab(), 'rolled');
    await versions.startNext('next');
    expect(await lab().stopWorker('present')).toBe('code 0');
    await fleet.resume();
    late = await createCluster(lab(), 'late');
    const certified = await Promise.all(
      [...fleet.asleep, fleet.installing, fleet.publishing, fleet.waiting, late].map((cluster) =>
        waitUntilCertified(lab(), cluster),
      ),
    );
    serials = certified.map(({ serialNumber }) => serialNumber);
  });

  test('continues runs of the current version without the change and starts new runs with it', async () => {
    for (const cluster of [...fleet.asleep, fleet.installing, fleet.publishing, fleet.waiting, fleet.decommissioning]) {
      expect(await hasNextPatch(cluster), cluster.name).toBe(false);
    }
    expect(await hasNextPatch(late)).toBe(true);
  });

  test('completes every issuance and decommission in progress', async () => {
    expect(new Set(serials)).toHaveLength(6);
    await expectDecommissioned(lab(), fleet.decommissioning, { revoked: [fleet.decommissioningSerial] });
    for (const cluster of [fleet.installing, fleet.publishing, fleet.waiting]) {
      expect(await stagingSecrets(lab(), cluster)).toEqual([]);
    }
    expect([...(await txtRecords(lab())).keys()]).toEqual([]);
  });

  test('places no order twice', async () => {
    const { orders, serials: issued } = await caLog(lab());
    expect(orders).toBe(ORDERS_OF_MIXED_FLEET + 1);
    expect(issued).toHaveLength(ORDERS_OF_MIXED_FLEET + 1);
  });

  test('moves the watch to the new worker', async () => {
    const status = await lab().client.workflow.getHandle(watchWorkflowId('hive')).query(watchStatus);
    expect(status.holder?.worker).toBe('next');
  });

  test('continues sleeping runs without the change until their next renewal', async () => {
    const [drifted, renewed] = fleet.asleep as readonly [E2eCluster, E2eCluster];
    await deleteSecret(lab(), drifted);
    await waitForReissue(lab(), drifted, serials[0] ?? '');
    expect(await hasNextPatch(drifted)).toBe(false);
    await lab()
      .client.workflow.getHandle(clusterWorkflowId(renewed.identity))
      .executeUpdate(renew, { args: [{}] });
    await waitFor('a run of the next version', async () => ((await hasNextPatch(renewed)) ? {} : 'there is none'));
    expect((await caLog(lab())).orders).toBe(ORDERS_OF_MIXED_FLEET + 3);
  });

  test('fails no workflow task', async () => {
    expect(await failedTasks(lab())).toEqual([]);
  });
});

describe('an upgrade that is reverted', () => {
  test('starts only runs that the current version can continue while its patches are held back', async () => {
    await lab().stopWorkers();
    await versions.startNext('careful', { CERTMAN_HELD_BACK_PATCHES: `${NEXT_PATCH},${PATCHES_IN_INPUT}` });
    const cluster = await createCluster(lab(), 'careful');
    const { serialNumber } = await waitUntilCertified(lab(), cluster);
    expect(givenPatchesIn(await historyOf(lab(), cluster))).toEqual([]);
    await lab().stopWorker('careful');
    await versions.startPresent('present-again');
    await deleteSecret(lab(), cluster);
    await waitForReissue(lab(), cluster, serialNumber);
    const history = await historyOf(lab(), cluster);
    expect(patchesIn(history)).not.toContain(NEXT_PATCH);
    expect(failedTasksIn(history)).toEqual([]);
  });

  test('blocks the runs that it started with the patch, without harm, until the next version is back', async () => {
    await lab().stopWorkers();
    await versions.startNext('hasty');
    const cluster = await createCluster(lab(), 'hasty');
    const { serialNumber } = await waitUntilCertified(lab(), cluster);
    await lab().stopWorker('hasty');
    await versions.startPresent('present-once-more');
    const before = (await caLog(lab())).orders;
    await deleteSecret(lab(), cluster);
    await waitFor('its workflow task fails', async () => {
      const failed = failedTasksIn(await historyOf(lab(), cluster));
      return failed.some((failure) => /nondeterminism/i.test(failure)) ? {} : `it has not: ${failed.join(', ')}`;
    });
    expect((await caLog(lab())).orders).toBe(before);
    await lab().stopWorker('present-once-more');
    await versions.startNext('back');
    await waitForReissue(lab(), cluster, serialNumber);
    expect((await caLog(lab())).orders).toBe(before + 1);
  });
});
