/** Outages of the API server and Temporal: orders in progress continue afterwards, and changes made meanwhile are not missed. */
import { expect, test } from 'vitest';
import { waitFor, waitForTxtRemoval } from '../../support/e2e/checks.ts';
import { createCluster, deleteCluster } from '../../support/e2e/clusters.ts';
import {
  caLog,
  expectDecommissioned,
  expectIdle,
  stagingSecrets,
  waitUntilCertified,
} from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';

/** Longer than every timeout, backoff and heartbeat of the worker. */
const API_SERVER_OUTAGE_MS = 60_000;

const lab = useE2eHarness({ temporal: 'onDisk', worker: { CERTMAN_RESYNC_INTERVAL: '10s' } });

const sleep = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

test('an order in progress and a deletion complete after an API server outage of a minute', async () => {
  const asleep = await createCluster(lab(), 'api-asleep');
  const { serialNumber } = await waitUntilCertified(lab(), asleep);
  const before = (await caLog(lab())).orders;
  const busy = await createCluster(lab(), 'api-busy');
  await waitFor('the order is placed', async () => ((await caLog(lab())).orders > before ? {} : 'it is not'));
  await lab().stack.part('kube-apiserver').stop();
  await sleep(API_SERVER_OUTAGE_MS);
  await lab().stack.part('kube-apiserver').start();
  await deleteCluster(lab(), asleep);
  const late = await createCluster(lab(), 'api-late');
  await waitUntilCertified(lab(), busy);
  await waitUntilCertified(lab(), late);
  await expectDecommissioned(lab(), asleep, { revoked: [serialNumber] });
  expect(await stagingSecrets(lab(), busy)).toEqual([]);
  await waitForTxtRemoval(lab().stack, busy);
});

test('clusters installed and deleted during a Temporal outage are served afterwards', async () => {
  const doomed = await createCluster(lab(), 'temporal-doomed');
  const { serialNumber } = await waitUntilCertified(lab(), doomed);
  const busy = await createCluster(lab(), 'temporal-busy');
  await sleep(700);
  await lab().stack.part('temporal').kill();
  const late = await createCluster(lab(), 'temporal-late');
  await deleteCluster(lab(), doomed);
  await sleep(15_000);
  await lab().stack.part('temporal').start();
  // This can take a minute: long polls on an empty task queue partition return only then.
  await waitUntilCertified(lab(), busy);
  await waitUntilCertified(lab(), late);
  await expectDecommissioned(lab(), doomed, { revoked: [serialNumber] });
  await waitForTxtRemoval(lab().stack, busy);
});

test('after the outages no issuance is running and the first worker is ready', () => expectIdle(lab()));
