/** A campaign over hours, on a server whose clock leaps. CERTMAN_CAMPAIGN_CLUSTERS states how many clusters. */
import { expect, test } from 'vitest';
import type { CampaignOutcome } from '../../src/campaigns/outcome.ts';
import { startTimeSkippingEnvironment } from '../support/temporal/temporal-server.ts';
import { startCampaign, startClusters } from '../support/workflows/campaigns.ts';
import { useWorkflowHarness } from '../support/workflows/use-harness.ts';

const HOUR_MS = 3_600_000;
const CLUSTERS = Number(process.env['CERTMAN_CAMPAIGN_CLUSTERS'] ?? 8);
const WAVE_SIZE = Math.min(100, Math.ceil(CLUSTERS / 3));

const withHarness = useWorkflowHarness(startTimeSkippingEnvironment);

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
