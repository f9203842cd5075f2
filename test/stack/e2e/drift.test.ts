/**
 * What becomes of a certificate when somebody lays hands on what belongs to it: while the watch looks, and while nobody does.
 * With the garbage collector running, and asked of the API server and the CA afterwards.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { watchWorkflowId } from '../../../src/contract/ids.ts';
import type { KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { waitFor } from '../../support/e2e/checks.ts';
import { createCluster, createClusters, type E2eCluster } from '../../support/e2e/clusters.ts';
import { DRIFTS, type Drift, describeDrift, orderCountAndReason } from '../../support/e2e/drifts.ts';
import { caLog, getRequest, getSecret, statusOf, untilCertified } from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';

/** So long that nothing but the watch can have seen it. */
const NEVER = { CERTMAN_RESYNC_INTERVAL: '24h' };
const OFTEN = { CERTMAN_RESYNC_INTERVAL: '5s' };

const lab = useE2eHarness({ worker: NEVER });

const seconds: { drift: string; seenBy: string; repairedAfter: number }[] = [];
afterAll(() => {
  const lines = seconds.map(
    ({ drift, seenBy, repairedAfter }) => `  ${drift.padEnd(50)} ${seenBy.padEnd(11)} ${repairedAfter.toFixed(1)} s`,
  );
  process.stdout.write(`Drift repaired after:\n${lines.join('\n')}\n`);
});

interface Before {
  readonly drift: Drift;
  readonly cluster: E2eCluster;
  readonly secret: KubernetesObject | undefined;
  readonly request: KubernetesObject | undefined;
}

/** A certified cluster for each kind of drift. */
async function oneForEach(prefix: string): Promise<readonly Before[]> {
  const clusters = await createClusters(lab(), prefix, DRIFTS.length);
  return await Promise.all(
    DRIFTS.map(async (drift, index) => {
      const cluster = clusters[index];
      if (cluster === undefined) throw new Error('there is a cluster for each');
      await untilCertified(lab(), cluster);
      return { drift, cluster, secret: await getSecret(lab(), cluster), request: await getRequest(lab(), cluster) };
    }),
  );
}

const dataOf = (secret: KubernetesObject | undefined): string => JSON.stringify(secret?.['data'] ?? null);

/** @returns what is wrong so far; anything but a text once it is repaired. */
async function describeState({ drift, cluster, secret, request }: Before) {
  const [after, made] = await Promise.all([getSecret(lab(), cluster), getRequest(lab(), cluster)]);
  if ((made?.metadata.uid !== request?.metadata.uid) !== (drift.requestRecreated ?? false)) {
    return 'the request is as it was';
  }
  if ((dataOf(after) === dataOf(secret)) !== (drift.effect === 'kept')) return 'the certificate is as it was';
  return await describeDrift(lab(), cluster);
}

/** Repaired, and by no more than it takes. */
async function untilRepaired(before: Before): Promise<void> {
  await waitFor(`${before.cluster.name}: ${before.drift.name}`, () => describeState(before));
  await expectNoMore(before);
}

/** Still repaired: what repairs must not have to repair its own writes. */
async function expectRepaired(before: Before): Promise<void> {
  expect(await describeState(before), `${before.cluster.name}: ${before.drift.name}`).not.toBeTypeOf('string');
  await expectNoMore(before);
}

async function expectNoMore({ drift, cluster, secret }: Before): Promise<void> {
  if (drift.effect === 'kept') {
    const after = await getSecret(lab(), cluster);
    expect(after?.metadata.uid).toBe(secret?.metadata.uid);
    expect(dataOf(after)).toBe(dataOf(secret));
    expect((await orderCountAndReason(lab(), cluster)).count).toBe(1);
  } else {
    expect(await orderCountAndReason(lab(), cluster)).toMatchObject({
      count: 2,
      why: expect.stringContaining(drift.reason ?? '') as string,
    });
  }
}

describe('a change by foreign hands', () => {
  test('is seen by the watch and put right within seconds, without an order where the certificate is good', async () => {
    const all = await oneForEach('seen');
    for (const one of all) {
      const began = performance.now();
      await one.drift.apply(lab(), one.cluster);
      await untilRepaired(one);
      seconds.push({ drift: one.drift.name, seenBy: 'watch', repairedAfter: (performance.now() - began) / 1000 });
    }
    await sleep(3_000);
    for (const one of all) await expectRepaired(one);
  });

  test('of labels and annotations is left alone: nothing is written, nothing is ordered', async () => {
    const cluster = await createCluster(lab(), 'labelled');
    await untilCertified(lab(), cluster);
    const theirs = ['-n', cluster.namespace, 'example.com/theirs=x'];
    await lab().stack.kubectl(['label', 'secret', cluster.secretName, ...theirs]);
    await lab().stack.kubectl(['annotate', 'secret', cluster.secretName, ...theirs]);
    await lab().stack.kubectl(['label', 'certificaterequest', cluster.requestName, ...theirs]);
    const before = await Promise.all([getSecret(lab(), cluster), getRequest(lab(), cluster)]);
    await sleep(3_000);
    expect(await Promise.all([getSecret(lab(), cluster), getRequest(lab(), cluster)])).toEqual(before);
    expect((await orderCountAndReason(lab(), cluster)).count).toBe(1);
  });

  test('of renewBeforeDays is the user’s right: obeyed at once, and kept', async () => {
    const cluster = await createCluster(lab(), 'sooner');
    await untilCertified(lab(), cluster);
    const renewalOf = async () => (await statusOf(lab(), cluster)).bundles['primary']?.renewalTime ?? '';
    const before = Date.parse(await renewalOf());
    const edit = JSON.stringify({ spec: { renewBeforeDays: 10, dnsNames: ['api.elsewhere.example.com'] } });
    await lab().stack.kubectl([
      'patch',
      'certificaterequest',
      cluster.requestName,
      '-n',
      cluster.namespace,
      '--type=merge',
      '-p',
      edit,
    ]);
    await waitFor('it renews 35 days later', async () => {
      const days = (Date.parse(await renewalOf()) - before) / 86_400_000;
      return Math.abs(days - 35) < 1.1 ? {} : `it is ${days.toFixed(2)} days later`;
    });
    await waitFor('the names are those of the cluster again', () => describeDrift(lab(), cluster));
    expect((await getRequest(lab(), cluster))?.['spec']).toMatchObject({ renewBeforeDays: 10 });
    expect((await getRequest(lab(), cluster))?.['status']).toMatchObject({ renewalTime: await renewalOf() });
  });
});

test('what happened while nobody watched, and whose events are lost, is found by the comparison', async () => {
  const all = await oneForEach('missed');
  const before = await caLog(lab());
  await lab().stopWorkers();
  for (const { drift, cluster } of all) await drift.apply(lab(), cluster);
  // Its successor knows no position to go on from: it lists, and what a list shows for the first time is no news.
  await lab().client.workflow.getHandle(watchWorkflowId('hive')).terminate('the test loses its positions');
  await lab().startWorker({ environment: OFTEN });
  const began = performance.now();
  await Promise.all(
    all.map(async (one) => {
      await untilRepaired(one);
      seconds.push({ drift: one.drift.name, seenBy: 'comparison', repairedAfter: (performance.now() - began) / 1000 });
    }),
  );
  await sleep(12_000);
  for (const one of all) await expectRepaired(one);
  const ordered = all.filter(({ drift }) => drift.effect === 'ordered').length;
  expect((await caLog(lab())).orders - before.orders).toBe(ordered);
});
