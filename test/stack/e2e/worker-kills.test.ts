/** Workers that are killed or told to end in the middle of the work: another one goes on, and nothing is lost or done twice. */
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

const CLUSTERS = 10;
/** So many of their orders are at the CA when the worker is killed. */
const HELD = 3;

const lab = useE2eHarness({ worker: false });

const watcher = async (): Promise<string> => {
  const status = await lab().client.workflow.getHandle(watchWorkflowId('hive')).query(watchStatus);
  return status.holder?.worker ?? 'nobody';
};

async function startNamed(name: string): Promise<WorkerProcess> {
  return await lab().startWorker({ name, environment: { CERTMAN_IDENTITY: name } });
}

async function watchedBy(name: string): Promise<void> {
  await waitFor(`${name} watches`, async () => {
    const who = await watcher().catch(() => 'nobody');
    return who === name ? {} : `${who} does`;
  });
}

async function allIssued(clusters: readonly E2eCluster[]) {
  return await Promise.all(
    clusters.map(async (cluster) => {
      const installed = await waitForCertificate(lab().kubernetes, cluster, undefined);
      await waitForReadyRequest(lab().kubernetes, cluster, installed.serialNumber);
      return installed;
    }),
  );
}

describe(`a worker that is killed in the middle of the issuances of ${CLUSTERS} clusters`, () => {
  let clusters: readonly E2eCluster[];
  let late: E2eCluster;
  let issued: Awaited<ReturnType<typeof allIssued>>;

  beforeAll(async () => {
    const first = await startNamed('first');
    await watchedBy('first');
    const held = lab().ca.inject({
      when: ({ path }) => path.startsWith('/finalize-order'),
      fault: { kind: 'hang' },
      times: HELD,
    });
    clusters = await createClusters(lab(), 'killed', CLUSTERS);
    // Some orders are done, some are held at the CA, some are perhaps not placed.
    await waitFor('some certificates are made, others are being made', async () => {
      const { serials } = await caLog(lab());
      return serials.length > 0 && held.hits() === HELD ? {} : `${serials.length} are made, ${held.hits()} are held`;
    });
    await startNamed('second');
    await first.kill();
    late = await createCluster(lab(), 'late');
    await waitForCertificate(lab().kubernetes, late);
    issued = await allIssued(clusters);
  });

  test('leaves the watch to the other one within seconds: a cluster installed after the kill is served', async () => {
    await watchedBy('second');
    // Otherwise Temporal would wait for the activity of the watch to end by itself.
    expect(await watchAttempt(lab().client, 'hive')).toEqual({ heartbeatTimeoutSeconds: 10, afterSilence: true });
  });

  test('costs no certificate: each cluster has one that is valid at the CA', async () => {
    expect(issued).toHaveLength(CLUSTERS);
    for (const { serialNumber } of issued) await expectStatusAtCa(lab().stack, serialNumber, 'Valid');
  });

  test('has nothing ordered twice, but for orders that were cut off inside the request to the CA', async () => {
    const { orders, serials } = await caLog(lab());
    let repeated = 0;
    let cut = 0;
    for (const cluster of [...clusters, late]) {
      const steps = await activitiesOf(lab(), issuanceWorkflowId(cluster.identity, 'primary', 1));
      cut += steps.filter(({ attempt }) => attempt > 1).length;
      repeated += steps.filter(({ type, attempt }) => type === 'placeOrder' && attempt > 1).length;
      // Each cluster needed one issuance.
      await expect(
        lab()
          .client.workflow.getHandle(issuanceWorkflowId(cluster.identity, 'primary', 2))
          .describe(),
      ).rejects.toThrow();
    }
    // Otherwise the kill hit nothing, and this proves nothing.
    expect(cut).toBeGreaterThan(0);
    expect(orders - (CLUSTERS + 1)).toBeLessThanOrEqual(repeated);
    expect(serials).toHaveLength(CLUSTERS + 1);
  });

  test('leaves no staged key and no TXT record behind', async () => {
    for (const cluster of clusters) {
      expect(await stagingSecrets(lab(), cluster)).toEqual([]);
      await waitForTxtRemoval(lab().stack, cluster);
    }
    expect([...(await txtRecords(lab())).keys()]).toEqual([]);
  });
});

test('a worker that is killed in the middle of the end of clusters leaves it to the next one', async () => {
  const clusters = await createClusters(lab(), 'ended', 4);
  const issued = await allIssued(clusters);
  const third = await startNamed('third');
  await lab().stopWorker('second');
  const held = lab().ca.inject({
    when: ({ path }) => path.startsWith('/revoke-cert'),
    fault: { kind: 'cutAfter' },
  });
  await Promise.all(clusters.map((cluster) => deleteCluster(lab(), cluster)));
  await waitFor('revocations are under way', async () => (held.hits() >= 4 ? {} : `${held.hits()} are`));
  await third.kill();
  held.remove();
  await startNamed('fourth');
  for (const [index, cluster] of clusters.entries()) {
    await expectDecommissioned(lab(), cluster, { revoked: [issued[index]?.serialNumber ?? ''] });
  }
});

test('SIGTERM in the middle of the work ends in good order within the grace, and the next worker finishes it', async () => {
  await watchedBy('fourth');
  const clusters = await createClusters(lab(), 'rolled', 4);
  await waitFor('orders are placed', async () => ((await txtRecords(lab())).size > 0 ? {} : 'none is'));
  const [stopped] = await Promise.all([lab().stopWorker('fourth'), startNamed('fifth')]);
  // What is not done within the grace would be abandoned, and end the worker with another code.
  expect(stopped).toBe('code 0');
  await allIssued(clusters);
  await watchedBy('fifth');
  expect((await caLog(lab())).serials).toHaveLength(CLUSTERS + 1 + 4 + 4);
});

test('of all this the histories tell nothing that failed for good', async () => {
  const query = `ExecutionStatus = 'Failed' OR ExecutionStatus = 'Terminated' OR ExecutionStatus = 'TimedOut'`;
  const failed = await collect(lab().client.workflow.list({ query }));
  expect(failed.map(({ workflowId }) => workflowId)).toEqual([]);
});
