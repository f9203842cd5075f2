/** Campaigns over the workflows of clusters, on a server whose clock is the real one. */
import { describe, expect, test } from 'vitest';
import {
  campaignAnswered,
  campaignRequested,
  campaignWithdrawn,
  type PendingCampaign,
} from '../../src/contract/campaign-request.ts';
import { clusterGone, clusterObserved, dependencyChanged } from '../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../src/contract/ids.ts';
import { abortCampaign, pauseCampaign, resumeCampaign, waveWorkflowId } from '../../src/contract/renewal-campaign.ts';
import { Gate } from '../support/faults/gate.ts';
import { startEnvironment } from '../support/temporal/temporal-server.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { activityFailure } from '../support/workflows/activity-doubles.ts';
import { type CampaignCluster, startCampaign, startClusters } from '../support/workflows/campaigns.ts';
import { useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const withHarness = useWorkflowHarness(() => startEnvironment({ continueAsNewAfter: 60 }));

const signalsOf = (harness: WorkflowHarness, { view }: CampaignCluster) =>
  harness.env.client.workflow.getHandle(clusterWorkflowId(view.identity));

const recordOf = async (harness: WorkflowHarness, { view, bundle }: CampaignCluster) =>
  (await harness.status(view)).bundles[bundle];

const itemsOf = (clusters: readonly CampaignCluster[]) => clusters.map(({ item }) => item);

/** Names of the clusters, by the calls of an activity. */
const clustersOf = (harness: WorkflowHarness, activity: 'placeOrder' | 'revokeReplaced'): readonly string[] =>
  harness.doubles.calls
    .filter((call) => call.activity === activity)
    .map(({ input }) => (input as { readonly cluster: { readonly name: string } }).cluster.name);

const untilOrdered = (harness: WorkflowHarness, count: number): Promise<number> =>
  eventually(
    'orders',
    () => Promise.resolve(harness.doubles.countOf('placeOrder')),
    (ordered) => ordered === count,
  );

test('replaces first the canary, then wave after wave; each is revoked once the new one is installed', () =>
  withHarness(async (harness) => {
    const clusters = await startClusters(harness, 5);
    const [canary, ...rest] = itemsOf(clusters);
    if (canary === undefined) throw new Error('no clusters');
    const revokedWith: string[] = [];
    harness.doubles.override('revokeReplaced', async ({ secretName, certificate, reason }) => {
      const secret = harness.doubles.secrets.get(secretName);
      revokedWith.push(`${certificate.serialNumber} ${reason} ${secret?.kind}`);
      const inUse = secret?.kind === 'valid' ? secret.certificate.serialNumber : '';
      expect(inUse).not.toBe(certificate.serialNumber);
      return await Promise.resolve({ ...certificate, outcome: 'revoked', message: 'revoked' });
    });
    const campaign = await startCampaign(harness, [[canary], rest.slice(0, 2), rest.slice(2)], {
      revocation: { reason: 1, delayMs: 0 },
    });
    const result = await campaign.result();
    expect(result).toMatchObject({ phase: 'Completed', counts: { replaced: 5 }, begun: 3, late: false });
    const ordered = clustersOf(harness, 'placeOrder');
    expect(ordered[0]).toBe('c1');
    expect(new Set(ordered.slice(1, 3))).toEqual(new Set(['c2', 'c3']));
    expect(new Set(ordered.slice(3))).toEqual(new Set(['c4', 'c5']));
    expect([...revokedWith].sort()).toEqual(['1', '2', '3', '4', '5'].map((serial) => `${serial} 1 valid`));
    const { items } = await campaign.wave(1);
    for (const { outcome } of items) expect(outcome).toMatchObject({ kind: 'replaced', revocation: 'revoked' });
    const [, second] = clusters;
    const record = second && (await recordOf(harness, second));
    expect(record?.campaigns).toBeUndefined();
    expect(record?.certificate?.serialNumber).not.toBe('2');
    expect(record?.issued.find(({ serialNumber }) => serialNumber === '2')?.revokedAt).toBeDefined();
    const orders = harness.doubles.calls.filter(({ activity }) => activity === 'placeOrder');
    for (const { input } of orders) expect(input).toMatchObject({ urgent: true });
  }));

test('a failing canary stops it; it goes on when resumed, and ends when each is replaced', () =>
  withHarness(async (harness) => {
    const clusters = await startClusters(harness, 3);
    const [first, ...rest] = clusters;
    if (first === undefined) throw new Error('no clusters');
    harness.doubles.failOrders('acme/unauthorized', 'forbidden');
    const campaign = await startCampaign(harness, [[first.item], itemsOf(rest)]);
    const stopped = await campaign.until('stopped', ({ phase }) => phase === 'Stopped');
    expect(stopped).toMatchObject({
      reason: 'The canary has 1 failing.',
      begun: 1,
      counts: { failing: 1, pending: 2 },
    });
    expect(clustersOf(harness, 'placeOrder')).not.toContain('c2');
    harness.doubles.override('placeOrder', undefined);
    await expect(campaign.handle.executeUpdate(pauseCampaign)).rejects.toMatchObject({
      cause: { message: 'It is Stopped.' },
    });
    await campaign.handle.executeUpdate(resumeCampaign);
    await campaign.until('others replaced', ({ counts }) => counts.replaced === 2);
    await signalsOf(harness, first).signal(clusterObserved, { ...first.view, limitedSupport: true });
    expect((await campaign.result()).counts).toMatchObject({ replaced: 3, failing: 0 });
  }));

test('a canary of which none is replaced shows nothing, and stops it; a person can go on', () =>
  withHarness(async (harness) => {
    const [one] = await startClusters(harness, 1);
    if (one === undefined) throw new Error('no cluster');
    const gone = { ...one.item, workflowId: 'cluster/hive/ns/gone/uid' };
    const campaign = await startCampaign(harness, [[gone], [one.item]]);
    const stopped = await campaign.until('stopped', ({ phase }) => phase === 'Stopped');
    expect(stopped).toMatchObject({ reason: 'The canary shows nothing: 1 skipped.', begun: 1 });
    expect(harness.doubles.countOf('placeOrder')).toBe(0);
    await campaign.handle.executeUpdate(resumeCampaign);
    expect((await campaign.result()).counts).toMatchObject({ replaced: 1, skipped: 1 });
  }));

test('of many waves, it continues as new before it begins, and so do their results not come into its history', () =>
  withHarness(async (harness) => {
    const item = { cluster: 'ns/gone', bundleName: 'b', serialNumber: '1' };
    const waves = Array.from({ length: 21 }, (_, wave) => [{ ...item, workflowId: `cluster/hive/ns/gone/${wave}` }]);
    const campaign = await startCampaign(harness, waves, { canary: false });
    expect(await campaign.result()).toMatchObject({ phase: 'Completed', counts: { skipped: 21 } });
    const { events = [] } = await campaign.handle.fetchHistory();
    expect(events?.filter((event) => event.childWorkflowExecutionCompletedEventAttributes)).toEqual([]);
  }));

test('stops at a number of failures, and an abort withdraws what has not been replaced', () =>
  withHarness(async (harness) => {
    const clusters = await startClusters(harness, 4);
    harness.doubles.failOrders('acme/unauthorized', 'forbidden');
    const waves = [itemsOf(clusters.slice(0, 2)), itemsOf(clusters.slice(2))];
    const campaign = await startCampaign(harness, waves, { canary: false, stopAt: { count: 2 } });
    await campaign.until('stopped', ({ phase }) => phase === 'Stopped');
    expect(await campaign.status()).toMatchObject({ begun: 1, counts: { failing: 2, pending: 2 } });
    await campaign.handle.executeUpdate(abortCampaign, { args: [{ by: 'alice@laptop' }] });
    const result = await campaign.result();
    expect(result).toMatchObject({ phase: 'Aborted', reason: 'alice@laptop aborted it.', counts: { replaced: 0 } });
    harness.doubles.override('placeOrder', undefined);
    for (const cluster of clusters) {
      const record = await eventually(
        'withdrawn',
        () => recordOf(harness, cluster),
        (found) => found?.campaigns === undefined,
      );
      expect(record?.certificate?.serialNumber).toBe(cluster.item.serialNumber);
    }
  }));

test('a pause keeps the next wave back, and what has begun goes on', () =>
  withHarness(async (harness) => {
    const clusters = await startClusters(harness, 2);
    const gate = new Gate();
    harness.doubles.before = async (activity) => {
      if (activity === 'placeOrder') await gate.opened;
    };
    const campaign = await startCampaign(
      harness,
      clusters.map(({ item }) => [item]),
    );
    await untilOrdered(harness, 1);
    await campaign.handle.executeUpdate(pauseCampaign);
    gate.open();
    await campaign.until('canary replaced', ({ counts }) => counts.replaced === 1);
    expect(await campaign.status()).toMatchObject({ phase: 'Paused', begun: 1, counts: { pending: 1 } });
    await campaign.handle.executeUpdate(resumeCampaign);
    expect((await campaign.result()).counts.replaced).toBe(2);
  }));

describe('a cluster', () => {
  test('that is gone, deleted meanwhile or without the bundle is skipped', () =>
    withHarness(async (harness) => {
      const [asleep, deleted, other, moved] = await startClusters(harness, 4);
      if (asleep === undefined || deleted === undefined || other === undefined || moved === undefined)
        throw new Error('no clusters');
      harness.doubles.override('placeOrder', async ({ cluster }) => {
        await Promise.resolve();
        throw activityFailure('acme/unauthorized', `${cluster.name} is forbidden`);
      });
      const gone = { ...asleep.item, workflowId: 'cluster/hive/ns/gone/uid' };
      const noBundle = { ...other.item, bundleName: 'other' };
      const campaign = await startCampaign(harness, [[gone, deleted.item, noBundle, moved.item]], { canary: false });
      await campaign.until('asked', ({ counts }) => counts.skipped === 2 && counts.failing === 2);
      await signalsOf(harness, deleted).signal(clusterGone);
      await signalsOf(harness, moved).signal(clusterObserved, {
        ...moved.view,
        relocation: 'complete',
        deleting: true,
      });
      expect((await campaign.result()).counts).toMatchObject({ skipped: 4 });
      const { items } = await campaign.wave(0);
      const messages = items.map(({ outcome }) => (outcome?.kind === 'skipped' ? outcome.message : ''));
      expect(messages).toEqual([
        expect.stringContaining('no workflow'),
        'ns-c2/c2 is being deleted.',
        'ns-c3/c3 has no bundle other any more.',
        expect.stringContaining('ns-c4/c4 has moved to another management cluster, where its certificates are in use'),
      ]);
    }));

  test('that is paused is replaced once it is resumed', () =>
    withHarness(async (harness) => {
      const [paused] = await startClusters(harness, 1);
      if (paused === undefined) throw new Error('no cluster');
      const handle = signalsOf(harness, paused);
      await handle.signal(clusterObserved, { ...paused.view, paused: true });
      await eventually(
        'paused',
        () => recordOf(harness, paused),
        (record) => record?.state === 'Paused',
      );
      const campaign = await startCampaign(harness, [[paused.item]], { canary: false });
      await campaign.until('blocked', ({ counts }) => counts.blocked === 1);
      expect(harness.doubles.countOf('placeOrder')).toBe(0);
      await handle.signal(clusterObserved, paused.view);
      expect((await campaign.result()).counts.replaced).toBe(1);
    }));

  test('that waits for the CA shows until when; one that cannot be revoked fails and is tried again', () =>
    withHarness(async (harness) => {
      const [one] = await startClusters(harness, 1);
      if (one === undefined) throw new Error('no cluster');
      const until = new Date(Date.now() + 3_600_000);
      harness.doubles.override('placeOrder', () =>
        Promise.reject(activityFailure('rateLimit/newOrders', 'others first', until)),
      );
      const campaign = await startCampaign(harness, [[one.item]], {
        canary: false,
        revocation: { reason: 1, delayMs: 0 },
      });
      const waiting = await campaign.until('waiting', ({ counts }) => counts.waiting === 1);
      expect(waiting.expectedEnd).toBe(until.toISOString());
      harness.doubles.override('placeOrder', undefined);
      harness.doubles.override('revokeReplaced', () =>
        Promise.reject(activityFailure('acme/unauthorized', 'not yours')),
      );
      const { lastAttempt } = { lastAttempt: undefined, ...(await recordOf(harness, one)) };
      expect(lastAttempt).toBeDefined();
      // As the budget does when the turn has come.
      await signalsOf(harness, one).signal('orderMoved', {
        bundleName: one.bundle,
        at: new Date().toISOString(),
        message: 'now',
        remedy: '',
      });
      await campaign.until('not revoked', ({ counts }) => counts.failing === 1);
      expect((await recordOf(harness, one))?.certificate?.serialNumber).not.toBe('1');
      harness.doubles.override('revokeReplaced', undefined);
      expect((await recordOf(harness, one))?.campaigns?.[0]).toMatchObject({ attempts: 1 });
    }));
});

test('a sixth campaign of one bundle waits for a place, says for what, and gets it when it is asked again', () =>
  withHarness(async (harness) => {
    const [one] = await startClusters(harness, 1);
    if (one === undefined) throw new Error('no cluster');
    harness.doubles.failOrders('acme/unauthorized', 'forbidden');
    const handle = signalsOf(harness, one);
    const request = { item: 0, bundleName: one.bundle, serialNumber: one.item.serialNumber };
    const others = [1, 2, 3, 4, 5].map((number) => ({ campaign: `c${number}`, wave: `campaign/none/${number}` }));
    for (const other of others) await handle.signal(campaignRequested, { ...request, ...other });
    const campaign = await startCampaign(harness, [[one.item]], { canary: false });
    await campaign.until('waiting', ({ counts }) => counts.waiting === 1);
    const [item] = (await campaign.wave(0)).items;
    expect(item?.outcome).toMatchObject({
      message: expect.stringMatching(/in 5 campaigns already.*c1, c2, c3, c4, c5/),
    });
    await handle.signal(campaignWithdrawn, { wave: 'campaign/none/3' });
    harness.doubles.override('placeOrder', undefined);
    // As the wave does after an hour.
    const wave = waveWorkflowId(campaign.handle.workflowId, 0);
    await handle.signal(campaignRequested, { ...request, campaign: 'c6', wave });
    expect((await campaign.result()).counts).toMatchObject({ replaced: 1 });
  }));

test('a certificate that a person has put back is replaced once more, and revoked only after the time from then on', () =>
  withHarness(async (harness) => {
    const [one] = await startClusters(harness, 1);
    if (one === undefined) throw new Error('no cluster');
    const secretName = `${one.bundle}-cert`;
    const original = harness.doubles.secrets.get(secretName);
    if (original === undefined) throw new Error('no Secret');
    const untilPending = (what: string, holds: (pending: PendingCampaign | undefined) => boolean) =>
      eventually(
        what,
        async () => (await recordOf(harness, one))?.campaigns?.[0],
        (pending) => holds(pending),
      );
    const request = { campaign: 'c', wave: 'campaign/none/w0', item: 0, bundleName: one.bundle, serialNumber: '1' };
    const revocation = { reason: 1, delayMs: 3_600_000 } as const;
    await signalsOf(harness, one).signal(campaignRequested, { ...request, revocation });
    const first = await untilPending('scheduled', (pending) => pending?.replacedAt !== undefined);
    harness.doubles.secrets.set(secretName, original);
    await signalsOf(harness, one).signal(dependencyChanged, { what: 'a test' });
    const again = await untilPending(
      'scheduled anew',
      (pending) => pending?.replacedAt !== undefined && pending.replacedAt !== first?.replacedAt,
    );
    expect(Date.parse(again?.revokeAt ?? '')).toBe(Date.parse(again?.replacedAt ?? '') + revocation.delayMs);
    expect(harness.doubles.countOf('placeOrder')).toBe(2);
    expect(harness.doubles.countOf('revokeReplaced')).toBe(0);
  }));

test('the same request again orders nothing more, and forged answers change nothing', () =>
  withHarness(async (harness) => {
    const clusters = await startClusters(harness, 2);
    const [first, second] = clusters;
    if (first === undefined || second === undefined) throw new Error('no clusters');
    const gate = new Gate();
    harness.doubles.before = async (activity) => {
      if (activity === 'placeOrder') await gate.opened;
    };
    const campaign = await startCampaign(harness, [itemsOf(clusters)], { canary: false });
    await untilOrdered(harness, 2);
    const wave = waveWorkflowId(campaign.handle.workflowId, 0);
    const request = { campaign: 'c', wave, item: 0, bundleName: first.bundle, serialNumber: '1' };
    for (let time = 0; time < 3; time += 1) await signalsOf(harness, first).signal(campaignRequested, request);
    await signalsOf(harness, first).signal(campaignRequested, { ...request, bundleName: 7 } as never);
    const handle = harness.env.client.workflow.getHandle(wave);
    await handle.signal(campaignAnswered, { item: 7, outcome: { kind: 'skipped', message: 'forged' } });
    await handle.signal(campaignAnswered, { item: 1, outcome: { kind: 'done' } as never });
    await handle.signal(campaignAnswered, { item: 1, outcome: { kind: 'waiting', until: 'soon', message: 'x' } });
    gate.open();
    expect((await campaign.result()).counts).toMatchObject({ replaced: 2 });
    expect(harness.doubles.issued).toHaveLength(2);
  }));
