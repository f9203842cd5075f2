/** The API server and Temporal away for a while and back: what was under way goes on, what happened meanwhile is not missed. */
import { expect, test } from 'vitest';
import { noTxtLeft, within } from '../../support/checks.ts';
import { deleteCluster, newCluster } from '../../support/life-clusters.ts';
import {
  caLog,
  expectCleared,
  expectNothingStuck,
  stagingSecrets,
  untilCertified,
} from '../../support/life-evidence.ts';
import { useLifeLab } from '../../support/life-lab.ts';

/** Long enough for every time-out, backoff and heartbeat of the worker to have passed. */
const API_SERVER_AWAY_MS = 60_000;

const lab = useLifeLab({ worker: { CERTMAN_COMPARISON_INTERVAL: '10s' } });

const sleep = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

test('the API server away for a minute, an order under way and a cluster asleep', async () => {
  const asleep = await newCluster(lab(), 'api-asleep');
  const { serialNumber } = await untilCertified(lab(), asleep);
  const before = (await caLog(lab())).orders;
  const busy = await newCluster(lab(), 'api-busy');
  await within('the order is placed', async () => ((await caLog(lab())).orders > before ? {} : 'it is not'));
  await lab().stack.part('kube-apiserver').stop();
  await sleep(API_SERVER_AWAY_MS);
  await lab().stack.part('kube-apiserver').start();
  await deleteCluster(lab(), asleep);
  const late = await newCluster(lab(), 'api-late');
  await untilCertified(lab(), busy);
  await untilCertified(lab(), late);
  await expectCleared(lab(), asleep, { revoked: [serialNumber] });
  expect(await stagingSecrets(lab(), busy)).toEqual([]);
  await noTxtLeft(lab().stack, busy);
});

test('Temporal away, and clusters installed and deleted meanwhile', async () => {
  const doomed = await newCluster(lab(), 'temporal-doomed');
  const { serialNumber } = await untilCertified(lab(), doomed);
  const busy = await newCluster(lab(), 'temporal-busy');
  await sleep(700);
  await lab().stack.part('temporal').kill();
  const late = await newCluster(lab(), 'temporal-late');
  await deleteCluster(lab(), doomed);
  await sleep(15_000);
  await lab().stack.part('temporal').start();
  // A poll that waits at an empty partition of the task queue comes back after a minute at the latest.
  await untilCertified(lab(), busy);
  await untilCertified(lab(), late);
  await expectCleared(lab(), doomed, { revoked: [serialNumber] });
  await noTxtLeft(lab().stack, busy);
});

test('of all this nothing is stuck, and the worker is the one that began', () => expectNothingStuck(lab()));
