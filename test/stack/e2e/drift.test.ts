/**
 * Changes of certman's objects by others, detected by the watch and by the resync, with the garbage collector running; checked at
 * the API server and the CA.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { renewalTimeOf } from '../../../src/contract/bundle-record.ts';
import { watchWorkflowId } from '../../../src/contract/ids.ts';
import type { KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { waitFor } from '../../support/e2e/checks.ts';
import { createCluster, createClusters, type E2eCluster } from '../../support/e2e/clusters.ts';
import { DRIFTS, type Drift, describeDrift, orderCountAndReason, waitUntilRemoved } from '../../support/e2e/drifts.ts';
import {
  caLog,
  getRequest,
  getSecret,
  statusOf,
  waitUntilCertified,
  waitUntilProbed,
} from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';

/** So long that only the watch can detect drift. */
const NEVER = { CERTMAN_RESYNC_INTERVAL: '24h' };
const OFTEN = { CERTMAN_RESYNC_INTERVAL: '5s' };

const lab = useE2eHarness({ worker: NEVER });

const repairs: { drift: string; detectedBy: string; seconds: number }[] = [];
afterAll(() => {
  const lines = repairs.map(
    ({ drift, detectedBy, seconds }) => `  ${drift.padEnd(50)} ${detectedBy.padEnd(11)} ${seconds.toFixed(1)} s`,
  );
  process.stdout.write(`Drift repaired after:\n${lines.join('\n')}\n`);
});

/** A cluster before its drift. */
interface Before {
  readonly drift: Drift;
  readonly cluster: E2eCluster;
  readonly secret: KubernetesObject | undefined;
  readonly request: KubernetesObject | undefined;
}

/** Creates a cluster with a certificate for each kind of drift. */
async function createOnePerDrift(prefix: string): Promise<readonly Before[]> {
  const clusters = await createClusters(lab(), prefix, DRIFTS.length);
  return await Promise.all(
    DRIFTS.map(async (drift, index) => {
      const cluster = clusters[index];
      if (cluster === undefined) throw new Error('too few clusters');
      await waitUntilCertified(lab(), cluster);
      return { drift, cluster, secret: await getSecret(lab(), cluster), request: await getRequest(lab(), cluster) };
    }),
  );
}

const dataOf = (secret: KubernetesObject | undefined): string => JSON.stringify(secret?.['data'] ?? null);

/** @returns what is missing as a string; an object once the drift is repaired. */
async function checkRepair({ drift, cluster, secret, request }: Before) {
  const [secretNow, requestNow] = await Promise.all([getSecret(lab(), cluster), getRequest(lab(), cluster)]);
  if ((requestNow?.metadata.uid !== request?.metadata.uid) !== (drift.requestRecreated ?? false)) {
    return drift.requestRecreated ? 'the request is not recreated' : 'the request was recreated';
  }
  const effect = dataOf(secretNow) === dataOf(secret) ? 'kept' : 'ordered';
  if (drift.effect !== 'raced' && effect !== drift.effect) return `the certificate is to be ${drift.effect}`;
  return await describeDrift(lab(), cluster);
}

/** Waits until the drift is repaired, with only the expected effect. */
async function waitUntilRepaired(before: Before): Promise<void> {
  await waitFor(`${before.cluster.name}: ${before.drift.name}`, () => checkRepair(before));
  await expectEffect(before);
}

/** Checks that the drift is still repaired: certman's own writes must not count as drift. */
async function expectRepaired(before: Before): Promise<void> {
  expect(await checkRepair(before), `${before.cluster.name}: ${before.drift.name}`).not.toBeTypeOf('string');
  await expectEffect(before);
}

async function expectEffect({ drift, cluster, secret }: Before): Promise<void> {
  const after = await getSecret(lab(), cluster);
  const isKept = drift.effect === 'kept' || (drift.effect === 'raced' && dataOf(after) === dataOf(secret));
  if (isKept) {
    expect(after?.metadata.uid).toBe(secret?.metadata.uid);
    expect(dataOf(after)).toBe(dataOf(secret));
    expect((await orderCountAndReason(lab(), cluster)).count).toBe(1);
  } else {
    expect(await orderCountAndReason(lab(), cluster)).toMatchObject({
      count: 2,
      reason: expect.stringContaining(drift.reason ?? '') as string,
    });
  }
}

describe('a change by another manager', () => {
  test('is detected by the watch and repaired within seconds, without an order if the certificate is valid', async () => {
    const all = await createOnePerDrift('seen');
    for (const one of all) {
      const began = performance.now();
      await one.drift.apply(lab(), one.cluster);
      await waitUntilRepaired(one);
      repairs.push({ drift: one.drift.name, detectedBy: 'watch', seconds: (performance.now() - began) / 1000 });
    }
    await sleep(3_000);
    for (const one of all) await expectRepaired(one);
  });

  test('of other labels and annotations causes no write and no order', async () => {
    const cluster = await createCluster(lab(), 'labelled');
    await waitUntilCertified(lab(), cluster);
    const theirs = ['-n', cluster.namespace, 'example.com/theirs=x'];
    await lab().stack.kubectl(['label', 'secret', cluster.secretName, ...theirs]);
    await lab().stack.kubectl(['annotate', 'secret', cluster.secretName, ...theirs]);
    await lab().stack.kubectl(['label', 'certificaterequest', cluster.requestName, ...theirs]);
    await waitUntilProbed(lab(), cluster);
    const before = await Promise.all([getSecret(lab(), cluster), getRequest(lab(), cluster)]);
    await sleep(3_000);
    expect(await Promise.all([getSecret(lab(), cluster), getRequest(lab(), cluster)])).toEqual(before);
    expect((await orderCountAndReason(lab(), cluster)).count).toBe(1);
  });

  test('of renewBeforeDays takes effect at once and is kept', async () => {
    const cluster = await createCluster(lab(), 'sooner');
    await waitUntilCertified(lab(), cluster);
    const renewalOf = async () => {
      const record = (await statusOf(lab(), cluster)).bundles['primary'];
      return (record && renewalTimeOf(record)) ?? '';
    };
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
    await waitFor('the renewal is 35 days later', async () => {
      const days = (Date.parse(await renewalOf()) - before) / 86_400_000;
      return Math.abs(days - 35) < 1.1 ? {} : `it is ${days.toFixed(2)} days later`;
    });
    await waitFor('the names are repaired', () => describeDrift(lab(), cluster));
    expect((await getRequest(lab(), cluster))?.['spec']).toMatchObject({ renewBeforeDays: 10 });
    // The workflow shows its record before the status is written.
    await waitFor('the status has the renewal', async () => {
      const { renewalTime } = ((await getRequest(lab(), cluster))?.['status'] ?? {}) as { renewalTime?: string };
      const expected = await renewalOf();
      return renewalTime === expected ? {} : `it is ${renewalTime}, not ${expected}`;
    });
  });
});

test('drift whose watch events are lost is detected by the resync', async () => {
  const applied = await createOnePerDrift('missed');
  const before = await caLog(lab());
  await lab().stopWorkers();
  for (const { drift, cluster } of applied) {
    await drift.apply(lab(), cluster);
    if (drift.effect === 'raced')
      await waitUntilRemoved(lab(), { namespace: cluster.namespace, name: cluster.secretName });
  }
  // Without a worker the garbage collector wins.
  const all = applied.map((one) =>
    one.drift.effect === 'raced' ? { ...one, drift: { ...one.drift, effect: 'ordered' as const } } : one,
  );
  // Without its resource version checkpoint the next watch starts with a list, whose objects count as known.
  await lab().client.workflow.getHandle(watchWorkflowId('hive')).terminate('the test discards the checkpoint');
  await lab().startWorker({ environment: OFTEN });
  const began = performance.now();
  await Promise.all(
    all.map(async (one) => {
      await waitUntilRepaired(one);
      repairs.push({ drift: one.drift.name, detectedBy: 'resync', seconds: (performance.now() - began) / 1000 });
    }),
  );
  await sleep(12_000);
  for (const one of all) await expectRepaired(one);
  const ordered = all.filter(({ drift }) => drift.effect === 'ordered').length;
  expect((await caLog(lab())).orders - before.orders).toBe(ordered);
});
