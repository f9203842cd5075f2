/** Each part away for a while and back: what was under way goes on by itself, what happened meanwhile is not missed. */
import { expect, test } from 'vitest';
import { certificateInSecret, noTxtLeft, requestIsReady, statusAtCa, within } from '../../../local/demo/checks.ts';
import { ask } from '../../../local/http.ts';
import { deleteCluster, type LifeCluster, newCluster } from '../../support/life-clusters.ts';
import { allOf, caLog, expectCleared, getRequest, stagingSecrets, statusOf } from '../../support/life-evidence.ts';
import { useLifeLab } from '../../support/life-lab.ts';

/** Long enough for every time-out, backoff and heartbeat of the worker to have passed. */
const API_SERVER_AWAY_MS = 60_000;

const lab = useLifeLab({ worker: { CERTMAN_COMPARISON_INTERVAL: '10s' } });

const sleep = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function certificate(cluster: LifeCluster, seconds: number) {
  const installed = await certificateInSecret(lab().kubernetes, cluster, undefined, seconds);
  await requestIsReady(lab().kubernetes, cluster, installed.serialNumber, 30);
  await statusAtCa(lab().stack, installed.serialNumber, 'Valid');
  return installed;
}

async function failingCondition(cluster: LifeCluster): Promise<string> {
  const status = (await getRequest(lab(), cluster))?.['status'] as
    | { readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string }[] }
    | undefined;
  const failing = status?.conditions?.find(({ type }) => type === 'Failing');
  return failing?.status === 'True' ? failing.reason : 'none';
}

test('the API server away for a minute, an order under way and a cluster asleep', async () => {
  const asleep = await newCluster(lab(), 'api-asleep');
  const { serialNumber } = await certificate(asleep, 60);
  const before = (await caLog(lab())).orders;
  const busy = await newCluster(lab(), 'api-busy');
  await within(30, 'the order is placed', async () => ((await caLog(lab())).orders > before ? {} : 'it is not'));
  await lab().stack.part('kube-apiserver').stop();
  await sleep(API_SERVER_AWAY_MS);
  await lab().stack.part('kube-apiserver').start();
  await deleteCluster(lab(), asleep);
  const late = await newCluster(lab(), 'api-late');
  await certificate(busy, 60);
  await certificate(late, 60);
  await expectCleared(lab(), asleep, { revoked: [serialNumber], seconds: 60 });
  expect(await stagingSecrets(lab(), busy)).toEqual([]);
  await noTxtLeft(lab().stack, busy, 15);
}, 180_000);

test('Temporal away, and clusters installed and deleted meanwhile', async () => {
  const doomed = await newCluster(lab(), 'temporal-doomed');
  const { serialNumber } = await certificate(doomed, 60);
  const busy = await newCluster(lab(), 'temporal-busy');
  await sleep(700);
  await lab().stack.part('temporal').kill();
  const late = await newCluster(lab(), 'temporal-late');
  await deleteCluster(lab(), doomed);
  await sleep(15_000);
  await lab().stack.part('temporal').start();
  await certificate(busy, 60);
  await certificate(late, 60);
  await expectCleared(lab(), doomed, { revoked: [serialNumber], seconds: 60 });
  await noTxtLeft(lab().stack, busy, 15);
});

test('the CA away: said on the resource, and issued and revoked once it is back', async () => {
  const doomed = await newCluster(lab(), 'ca-doomed');
  const { serialNumber } = await certificate(doomed, 60);
  lab().ca.down();
  const waiting = await newCluster(lab(), 'ca-waiting');
  await deleteCluster(lab(), doomed);
  await within(40, 'the request says so', async () => {
    const reason = await failingCondition(waiting);
    return reason === 'AcmeUnreachable' ? {} : `it says ${reason}`;
  });
  lab().ca.up();
  await certificate(waiting, 60);
  await expectCleared(lab(), doomed, { revoked: [serialNumber], seconds: 60 });
}, 180_000);

test('a CA that takes connections and never answers is not waited for without end', async () => {
  const before = lab().ca.seen.length;
  const hanging = lab().ca.inject({ when: () => true, fault: { kind: 'hang' } });
  const waiting = await newCluster(lab(), 'ca-hangs');
  await within(20, 'the CA is asked', async () => (lab().ca.seen.length > before ? {} : 'it is not'));
  await sleep(3_000);
  hanging.remove();
  await certificate(waiting, 60);
});

test('Route 53 away in the middle of orders: the records come and go once it is back', async () => {
  const before = (await caLog(lab())).orders;
  lab().route53.down();
  const waiting = await newCluster(lab(), 'dns-waiting');
  await within(30, 'the order is placed', async () => ((await caLog(lab())).orders > before ? {} : 'it is not'));
  await sleep(10_000);
  lab().route53.up();
  await certificate(waiting, 60);
  await noTxtLeft(lab().stack, waiting, 30);
  expect((await caLog(lab())).orders).toBe(before + 1);
});

test('DNS resolvers away: the CA is not asked to look before they are back', async () => {
  await lab().stack.part('coredns').stop();
  const waiting = await newCluster(lab(), 'doh-waiting');
  await sleep(8_000);
  expect((await statusOf(lab(), waiting)).bundles['primary']?.state).toBe('Issuing');
  await lab().stack.part('coredns').start();
  await certificate(waiting, 60);
});

test('of all this nothing is stuck: every order has ended, and the worker is the one that began', async () => {
  const running = await allOf(lab().client.workflow.list({ query: `ExecutionStatus = 'Running'` }));
  expect(running.filter(({ type }) => type === 'certificateIssuance').map(({ workflowId }) => workflowId)).toEqual([]);
  const [worker] = lab().workers();
  expect(worker?.ended()).toBeUndefined();
  expect((await ask(worker?.readyUrl ?? '')).status).toBe(200);
});
