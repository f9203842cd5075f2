/** A campaign over hours, on a server whose clock leaps. CERTMAN_CAMPAIGN_CLUSTERS states how many clusters. */
import { expect, test } from 'vitest';
import type { CampaignOutcome } from '../../src/campaigns/outcome.ts';
import { waveWorkflowId } from '../../src/contract/renewal-campaign.ts';
import { startTimeSkippingEnvironment } from '../support/temporal/temporal-server.ts';
import { workflowBundle } from '../support/temporal/workflow-bundle.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { activityFailure } from '../support/workflows/activity-doubles.ts';
import { prepareCampaign, startCampaign, startClusters, withSilentCluster } from '../support/workflows/campaigns.ts';
import { untilNoWorkflowTask, type WorkflowHarness, withWorkflowHarness } from '../support/workflows/harness.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const CLUSTERS = Number(process.env['CERTMAN_CAMPAIGN_CLUSTERS'] ?? 8);
const WAVE_SIZE = Math.min(100, Math.ceil(CLUSTERS / 3));

/** Each on a server of its own: what a test leaves behind can stop the clock of the next one. */
async function withHarness(body: (harness: WorkflowHarness) => Promise<void>): Promise<void> {
  const env = await startTimeSkippingEnvironment();
  try {
    await withWorkflowHarness(env, workflowBundle(), body);
  } finally {
    await env.teardown();
  }
}

test(`${CLUSTERS} clusters: each is replaced once, and its old certificate is revoked when Hive had its time`, () =>
  withHarness(async (harness) => {
    const clusters = await startClusters(harness, CLUSTERS);
    const items = clusters.map(({ item }) => item);
    const waves = [items.slice(0, 1)];
    for (let start = 1; start < items.length; start += WAVE_SIZE) waves.push(items.slice(start, start + WAVE_SIZE));
    const revokedAt = new Map<string, number>();
    harness.doubles.override('revokeReplaced', async ({ certificate: { serialNumber } }) => {
      expect(revokedAt.has(serialNumber)).toBe(false);
      revokedAt.set(serialNumber, await harness.env.currentTimeMs());
      return { serialNumber, outcome: 'revoked', message: 'revoked' };
    });
    // What a campaign revokes is what certman issued, or adopted with its key: `returnReplaced` adds it to the record.
    const startedAt = performance.now();
    const campaign = await startCampaign(harness, waves, { revocation: { reason: 4, delayMs: 3 * HOUR_MS } });
    const replaced = await campaign.until('each is replaced', ({ counts }) => counts.revoking === CLUSTERS);
    const seconds = (performance.now() - startedAt) / 1_000;
    expect(replaced).toMatchObject({ phase: 'Finishing', late: false, begun: waves.length });
    expect(revokedAt.size).toBe(0);
    expect(harness.doubles.issued).toHaveLength(CLUSTERS);
    // The clock leaps while a result is waited for. A sleep beyond the last timer can pass in real time.
    const result = await campaign.result();
    expect(result.counts).toMatchObject({ replaced: CLUSTERS });
    for (const [number] of waves.entries()) {
      for (const { outcome, serialNumber } of (await campaign.wave(number)).items) {
        const { at } = outcome as Extract<CampaignOutcome, { readonly kind: 'replaced' }>;
        expect(outcome).toMatchObject({ kind: 'replaced', revocation: 'revoked' });
        expect((revokedAt.get(serialNumber) ?? 0) - Date.parse(at)).toBeGreaterThanOrEqual(3 * HOUR_MS);
      }
    }
    if (process.env['CERTMAN_CAMPAIGN_CLUSTERS'] !== undefined)
      process.stdout.write(`${CLUSTERS} clusters replaced in ${seconds.toFixed(1)} s, in ${waves.length} waves\n`);
  }));

test('an old certificate is not revoked while its cluster serves another one, but at the deadline at the latest', () =>
  withHarness(async (harness) => {
    const [one] = await startClusters(harness, 1);
    if (one === undefined) throw new Error('no cluster');
    const latestAt = new Date((await harness.env.currentTimeMs()) + DAY_MS).toISOString();
    let revokedAt = 0;
    harness.doubles.override('revokeReplaced', async ({ certificate: { serialNumber }, unlessStillServed }) => {
      if (unlessStillServed === true) return { outcome: 'stillServed', message: 'The cluster serves another one.' };
      revokedAt = await harness.env.currentTimeMs();
      return { serialNumber, outcome: 'revoked', message: 'revoked' };
    });
    const revocation = { reason: 4, delayMs: 3 * HOUR_MS, latestAt } as const;
    const campaign = await startCampaign(harness, [[one.item]], { canary: false, revocation });
    const { counts, endedAt = '' } = await campaign.result();
    expect(counts).toMatchObject({ replaced: 1 });
    expect(revokedAt).toBeGreaterThanOrEqual(Date.parse(latestAt));
    expect(revokedAt).toBeLessThan(Date.parse(latestAt) + HOUR_MS);
    expect(Date.parse(endedAt)).toBeLessThan(Date.parse(latestAt) + HOUR_MS);
    // Ever more seldom: a day has no more than a dozen.
    const checks = harness.doubles.countOf('revokeReplaced');
    expect(checks).toBeGreaterThan(5);
    expect(checks).toBeLessThanOrEqual(12);
    expect((await campaign.wave(0)).items[0]?.outcome).toMatchObject({ kind: 'replaced', revocation: 'revoked' });
  }));

test('a revocation that fails time after time stays failing, and ends with the deadline', () =>
  withHarness(async (harness) => {
    const [one] = await startClusters(harness, 1);
    if (one === undefined) throw new Error('no cluster');
    harness.doubles.override('revokeReplaced', () => Promise.reject(activityFailure('acme/unauthorized', 'not yours')));
    const revocation = { reason: 1, delayMs: 0 } as const;
    const campaign = await startCampaign(harness, [[one.item]], { canary: false, revocation });
    const { counts, deadline, endedAt = '' } = await campaign.result();
    expect(counts).toMatchObject({ failing: 1, replaced: 0 });
    expect(Date.parse(endedAt)).toBeLessThan(Date.parse(deadline) + HOUR_MS);
    expect((await campaign.wave(0)).items[0]?.outcome).toMatchObject({
      code: 'acme/unauthorized',
      message: expect.stringContaining('It is replaced, but not revoked: not yours'),
    });
  }));

test('a campaign whose client died before it began ends within an hour, and has ordered nothing', () =>
  withHarness(async (harness) => {
    const [one] = await startClusters(harness, 1);
    if (one === undefined) throw new Error('no cluster');
    const campaign = await prepareCampaign(harness, [[one.item]]);
    const { phase, reason, counts, startedAt, endedAt = '' } = await campaign.result();
    expect({ phase, reason }).toEqual({
      phase: 'Aborted',
      reason: 'Its waves were not complete within an hour: the client that added them has died.',
    });
    expect(counts).toMatchObject({ pending: 1 });
    expect(Date.parse(endedAt) - Date.parse(startedAt)).toBeLessThan(2 * HOUR_MS);
    expect(harness.doubles.countOf('placeOrder')).toBe(0);
  }));

test('a cluster that does not answer counts as failing after an hour, and the next wave begins', () =>
  withHarness(async (harness) => {
    const [one] = await startClusters(harness, 1);
    if (one === undefined) throw new Error('no cluster');
    await withSilentCluster(harness, async (silent) => {
      const campaign = await startCampaign(harness, [[silent], [one.item]], { canary: false });
      const { phase, counts, startedAt, lastReplaced = '' } = await campaign.result();
      expect({ phase, counts }).toMatchObject({ phase: 'Completed', counts: { failing: 1, replaced: 1 } });
      expect(Date.parse(lastReplaced) - Date.parse(startedAt)).toBeGreaterThanOrEqual(HOUR_MS);
      expect((await campaign.wave(0)).items[0]?.outcome).toMatchObject({ kind: 'failing', code: 'worker/lost' });
    });
  }));

test('a wave that was terminated holds up the next one for hours only', () =>
  withHarness(async (harness) => {
    const [one] = await startClusters(harness, 1);
    if (one === undefined) throw new Error('no cluster');
    await withSilentCluster(harness, async (silent) => {
      const campaign = await startCampaign(harness, [[silent], [one.item]], { canary: false });
      const wave = harness.env.client.workflow.getHandle(waveWorkflowId(campaign.handle.workflowId, 0));
      await eventually(
        'the cluster was asked',
        async () => (await wave.fetchHistory()).events ?? [],
        (events) => events.some((event) => event.externalWorkflowExecutionSignaledEventAttributes),
      );
      await untilNoWorkflowTask(harness, wave.workflowId);
      await wave.terminate('test');
      const { phase, counts } = await campaign.result();
      expect({ phase, counts }).toMatchObject({ phase: 'Completed', counts: { skipped: 1, replaced: 1 } });
    });
  }));
