/** The API server and Temporal away for a while and back: what was under way goes on, what happened meanwhile is not missed. */
import { expect, test } from 'vitest';
import { waitFor, waitForTxtRemoval } from '../../support/e2e/checks.ts';
import { createCluster, deleteCluster } from '../../support/e2e/clusters.ts';
import { caLog, expectDecommissioned, expectIdle, stagingSecrets, untilCertified } from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';

/** Long enough for every time-out, backoff and heartbeat of the worker to have passed. */
const API_SERVER_AWAY_MS = 60_000;

const lab = useE2eHarness({ worker: { CERTMAN_RESYNC_INTERVAL: '10s' } });

const sleep = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

test('the API server away for a minute, an order under way and a cluster asleep', async () => {
  const asleep = await createCluster(lab(), 'api-asleep');
  const { serialNumber } = await untilCertified(lab(), asleep);
  const before = (await caLog(lab())).orders;
  const busy = await createCluster(lab(), 'api-busy');
  await waitFor('the order is placed', async () => ((await caLog(lab())).orders > before ? {} : 'it is not'));
  await lab().stack.part('kube-apiserver').stop();
  await sleep(API_SERVER_AWAY_MS);
  await lab().stack.part('kube-apiserver').start();
  await deleteCluster(lab(), asleep);
  const late = await createCluster(lab(), 'api-late');
  await untilCertified(lab(), busy);
  await untilCertified(lab(), late);
  await expectDecommissioned(lab(), asleep, { revoked: [serialNumber] });
  expect(await stagingSecrets(lab(), busy)).toEqual([]);
  await waitForTxtRemoval(lab().stack, busy);
});

test('Temporal away, and clusters installed and deleted meanwhile', async () => {
  const doomed = await createCluster(lab(), 'temporal-doomed');
  const { serialNumber } = await untilCertified(lab(), doomed);
  const busy = await createCluster(lab(), 'temporal-busy');
  await sleep(700);
  await lab().stack.part('temporal').kill();
  const late = await createCluster(lab(), 'temporal-late');
  await deleteCluster(lab(), doomed);
  await sleep(15_000);
  await lab().stack.part('temporal').start();
  // A poll that waits at an empty partition of the task queue comes back after a minute at the latest.
  await untilCertified(lab(), busy);
  await untilCertified(lab(), late);
  await expectDecommissioned(lab(), doomed, { revoked: [serialNumber] });
  await waitForTxtRemoval(lab().stack, busy);
});

test('of all this nothing is stuck, and the worker is the one that began', () => expectIdle(lab()));
