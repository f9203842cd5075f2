/** Workers killed or terminated during issuance and decommission: another worker continues, and nothing is lost or repeated. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { WorkerProcess } from '../../../local/stack/worker-process.ts';
import { issuanceWorkflowId, watchWorkflowId } from '../../../src/contract/ids.ts';
import { watchStatus } from '../../../src/contract/management-cluster-watch.ts';
import { watchAttempt } from '../../support/controller/watch-attempt.ts';
import {
  expectStatusAtCa,
  waitFor,
  waitForCertificate,
  waitForReadyRequest,
  waitForTxtRemoval,
} from '../../support/e2e/checks.ts';
import { createCluster, createClusters, deleteCluster, type E2eCluster } from '../../support/e2e/clusters.ts';
import {
  activitiesOf,
  caLog,
  collect,
  expectDecommissioned,
  stagingSecrets,
  txtRecords,
} from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { Gate } from '../../support/faults/gate.ts';

const CLUSTERS = 10;
/** Number of orders held at the CA when the worker is killed. */
const HELD = 3;

const lab = useE2eHarness({ worker: false });

const watchHolder = async (): Promise<string> => {
  const status = await lab().client.workflow.getHandle(watchWorkflowId('hive')).query(watchStatus);
  return status.holder?.worker ?? 'none';
};

async function startNamed(name: string): Promise<WorkerProcess> {
  return await lab().startWorker({ name, environment: { CERTMAN_IDENTITY: name } });
}

async function waitForWatchHolder(name: string): Promise<void> {
  await waitFor(`${name} runs the watch`, async () => {
    const holder = await watchHolder().catch(() => 'none');
    return holder === name ? {} : `its holder is ${holder}`;
  });
}

async function waitForAllIssued(clusters: readonly E2eCluster[]) {
  return await Promise.all(
    clusters.map(async (cluster) => {
      const installed = await waitForCertificate(lab().kubernetes, cluster, undefined);
      await waitForReadyRequest(lab().kubernetes, cluster, installed.serialNumber);
      return installed;
    }),
  );
}

describe(`killing a worker during the issuances of ${CLUSTERS} clusters`, () => {
  let clusters: readonly E2eCluster[];
  let late: E2eCluster;
  let issued: Awaited<ReturnType<typeof waitForAllIssued>>;

  beforeAll(async () => {
    const first = await startNamed('first');
    await waitForWatchHolder('first');
    const held = lab().ca.inject({
      when: ({ path }) => path.startsWith('/finalize-order'),
      fault: { kind: 'hang' },
      times: HELD,
    });
    clusters = await createClusters(lab(), 'killed', CLUSTERS);
    // At the kill some orders are complete, some are held at the CA, and some may not be placed yet.
    await waitFor('some certificates are issued and some orders are held', async () => {
      const { serials } = await caLog(lab());
      return serials.length > 0 && held.hits() === HELD ? {} : `${serials.length} are issued, ${held.hits()} are held`;
    });
    await startNamed('second');
    await first.kill();
    late = await createCluster(lab(), 'late');
    await waitForCertificate(lab().kubernetes, late);
    issued = await waitForAllIssued(clusters);
  });

  test('moves the watch to the other worker within the heartbeat timeout', async () => {
    await waitForWatchHolder('second');
    // Without a heartbeat timeout Temporal would wait for the activity's start-to-close timeout.
    expect(await watchAttempt(lab().client, 'hive')).toEqual({ heartbeatTimeoutSeconds: 10, afterSilence: true });
  });

  test('loses no certificate: each cluster has a valid one', async () => {
    expect(issued).toHaveLength(CLUSTERS);
    for (const { serialNumber } of issued) await expectStatusAtCa(lab().stack, serialNumber, 'Valid');
  });

  test('places no order twice, except those interrupted within the request to the CA', async () => {
    const { orders, serials } = await caLog(lab());
    let repeated = 0;
    let interrupted = 0;
    for (const cluster of [...clusters, late]) {
      const activities = await activitiesOf(lab(), issuanceWorkflowId(cluster.identity, 'primary', 1));
      interrupted += activities.filter(({ attempt, timedOut }) => attempt > 1 || timedOut).length;
      const placements = activities.filter(({ type }) => type === 'placeOrder');
      // The workflow itself follows up one whose worker was lost.
      if (placements.some(({ attempt }) => attempt > 1) || placements.length > 1) repeated += 1;
      // Each cluster needed one issuance.
      await expect(
        lab()
          .client.workflow.getHandle(issuanceWorkflowId(cluster.identity, 'primary', 2))
          .describe(),
      ).rejects.toThrow();
    }
    // The kill interrupted at least one activity.
    expect(interrupted).toBeGreaterThan(0);
    expect(orders - (CLUSTERS + 1)).toBeLessThanOrEqual(repeated);
    expect(serials).toHaveLength(CLUSTERS + 1);
  });

  test('leaves no staging Secret and no TXT record', async () => {
    await waitForAllIssued([late]);
    for (const cluster of [...clusters, late]) {
      expect(await stagingSecrets(lab(), cluster)).toEqual([]);
      await waitForTxtRemoval(lab().stack, cluster);
    }
    expect([...(await txtRecords(lab())).keys()]).toEqual([]);
  });
});

test('the next worker completes decommissions after a worker is killed during them', async () => {
  const clusters = await createClusters(lab(), 'deleted', 4);
  const issued = await waitForAllIssued(clusters);
  const third = await startNamed('third');
  await lab().stopWorker('second');
  const held = lab().ca.inject({
    when: ({ path }) => path.startsWith('/revoke-cert'),
    fault: { kind: 'cutAfter' },
  });
  await Promise.all(clusters.map((cluster) => deleteCluster(lab(), cluster)));
  await waitFor('revocations are in progress', async () => (held.hits() >= 4 ? {} : `${held.hits()} are`));
  await third.kill();
  held.remove();
  await startNamed('fourth');
  for (const [index, cluster] of clusters.entries()) {
    await expectDecommissioned(lab(), cluster, { revoked: [issued[index]?.serialNumber ?? ''] });
  }
});

test('a worker with orders in progress exits with code 0 on SIGTERM, and the next worker completes them', async () => {
  await waitForWatchHolder('fourth');
  const stopping = new Gate();
  const held = lab().ca.inject({
    when: ({ path }) => path.startsWith('/chalZ/'),
    fault: { kind: 'hold', until: stopping.opened },
  });
  const clusters = await createClusters(lab(), 'rolled', 4);
  await waitFor('orders are in progress', async () => (held.hits() > 0 ? {} : 'none is'));
  const both = Promise.all([lab().stopWorker('fourth'), startNamed('fifth')]);
  stopping.open();
  const [stopped] = await both;
  // Activities still running after the grace period would change the exit code.
  expect(stopped).toBe('code 0');
  await waitForAllIssued(clusters);
  await waitForWatchHolder('fifth');
  expect((await caLog(lab())).serials).toHaveLength(CLUSTERS + 1 + 4 + 4);
});

test('no workflow has failed, timed out or been terminated', async () => {
  const query = `ExecutionStatus = 'Failed' OR ExecutionStatus = 'Terminated' OR ExecutionStatus = 'TimedOut'`;
  const failed = await collect(lab().client.workflow.list({ query }));
  expect(failed.map(({ workflowId }) => workflowId)).toEqual([]);
});
