/**
 * Workers of the version before are replaced by workers of this one while the fleet is in the middle of everything, and the
 * other way round. The version before is run by its workflow code (test/support/replay/previous-workflows.ts).
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { clusterWorkflowId, renew, watchStatus, watchWorkflowId } from '../../../src/contract/cluster-certificates.ts';
import { PATCHES } from '../../../src/contract/patches.ts';
import { waitFor } from '../../support/e2e/checks.ts';
import { createCluster, type E2eCluster } from '../../support/e2e/clusters.ts';
import { caLog, expectDecommissioned, stagingSecrets, txtRecords, untilCertified } from '../../support/e2e/evidence.ts';
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
import { failedTasksIn, patchesIn } from '../../support/temporal/history-events.ts';

const lab = useE2eHarness({ worker: false });

let versions: Versions;

beforeAll(async () => {
  versions = await prepareVersions(lab());
});

const patchesOf = async (cluster: E2eCluster) => patchesIn(await historyOf(lab(), cluster));

describe('a rolling upgrade from the version before', () => {
  let fleet: MixedFleet;
  let late: E2eCluster;
  let serials: readonly string[];

  beforeAll(async () => {
    await versions.startPrevious('earlier');
    fleet = await createMixedFleet(lab(), 'rolled');
    await versions.startCurrent('present');
    expect(await lab().stopWorker('earlier')).toBe('code 0');
    await fleet.resume();
    late = await createCluster(lab(), 'late');
    const certified = await Promise.all(
      [...fleet.asleep, fleet.installing, fleet.publishing, fleet.waiting, late].map((cluster) =>
        untilCertified(lab(), cluster),
      ),
    );
    serials = certified.map(({ serialNumber }) => serialNumber);
  });

  test('goes on with the runs that the version before began, and begins its own', async () => {
    for (const cluster of [...fleet.asleep, fleet.installing, fleet.publishing, fleet.waiting, fleet.decommissioning]) {
      expect(await patchesOf(cluster), cluster.name).toEqual([]);
    }
    expect(await patchesOf(late)).toEqual(PATCHES);
  });

  test('loses nothing: every certificate is in its place, and the cluster that was leaving has left', async () => {
    expect(new Set(serials)).toHaveLength(6);
    await expectDecommissioned(lab(), fleet.decommissioning, { revoked: [fleet.decommissioningSerial] });
    for (const cluster of [fleet.installing, fleet.publishing, fleet.waiting]) {
      expect(await stagingSecrets(lab(), cluster)).toEqual([]);
    }
    expect([...(await txtRecords(lab())).keys()]).toEqual([]);
  });

  test('orders nothing twice', async () => {
    const { orders, serials: issued } = await caLog(lab());
    expect(orders).toBe(ORDERS_OF_MIXED_FLEET + 1);
    expect(issued).toHaveLength(ORDERS_OF_MIXED_FLEET + 1);
  });

  test('moves the watch to the new worker', async () => {
    const status = await lab().client.workflow.getHandle(watchWorkflowId('hive')).query(watchStatus);
    expect(status.holder?.worker).toBe('present');
  });

  test('has what slept go on as it began, and as the new version does from its next renewal on', async () => {
    const [drifted, renewed] = fleet.asleep as readonly [E2eCluster, E2eCluster];
    await deleteSecret(lab(), drifted);
    await waitForReissue(lab(), drifted, serials[0] ?? '');
    expect(await patchesOf(drifted)).toEqual([]);
    await lab()
      .client.workflow.getHandle(clusterWorkflowId(renewed.identity))
      .executeUpdate(renew, { args: [{}] });
    await waitFor('a run of the new version', async () =>
      (await patchesOf(renewed)).length > 0 ? {} : 'there is none',
    );
    expect((await caLog(lab())).orders).toBe(ORDERS_OF_MIXED_FLEET + 3);
  });

  test('fails no workflow task', async () => {
    expect(await failedTasks(lab())).toEqual([]);
  });
});

describe('an upgrade that is taken back', () => {
  test('while its patches were held back leaves nothing that the version before could not go on with', async () => {
    await lab().stopWorkers();
    await versions.startCurrent('careful', { CERTMAN_HELD_BACK_PATCHES: PATCHES.join(',') });
    const cluster = await createCluster(lab(), 'careful');
    const { serialNumber } = await untilCertified(lab(), cluster);
    await lab().stopWorker('careful');
    await versions.startPrevious('earlier-again');
    await deleteSecret(lab(), cluster);
    await waitForReissue(lab(), cluster, serialNumber);
    const history = await historyOf(lab(), cluster);
    expect(patchesIn(history)).toEqual([]);
    expect(failedTasksIn(history)).toEqual([]);
  });

  test('without that has the clusters which it had begun with stand still, unharmed, until it is back', async () => {
    await lab().stopWorkers();
    await versions.startCurrent('hasty');
    const cluster = await createCluster(lab(), 'hasty');
    const { serialNumber } = await untilCertified(lab(), cluster);
    await lab().stopWorker('hasty');
    await versions.startPrevious('earlier-once-more');
    const before = (await caLog(lab())).orders;
    await deleteSecret(lab(), cluster);
    await waitFor('its task fails', async () => {
      const failed = failedTasksIn(await historyOf(lab(), cluster));
      return failed.some((why) => /nondeterminism/i.test(why)) ? {} : `it has not: ${failed.join(', ')}`;
    });
    expect((await caLog(lab())).orders).toBe(before);
    await lab().stopWorker('earlier-once-more');
    await versions.startCurrent('back');
    await waitForReissue(lab(), cluster, serialNumber);
    expect((await caLog(lab())).orders).toBe(before + 1);
  });
});
