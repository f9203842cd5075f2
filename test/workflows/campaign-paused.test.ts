/** A revocation of a campaign that is due while its cluster is paused, on a server whose clock leaps. */
import { expect, test } from 'vitest';
import { clusterObserved } from '../../src/contract/cluster-certificates.ts';
import { startTimeSkippingEnvironment } from '../support/temporal/temporal-server.ts';
import { startCampaign, startClusters } from '../support/workflows/campaigns.ts';
import { useWorkflowHarness } from '../support/workflows/use-harness.ts';

/** Within which no wave asks again. */
const DELAY_MS = 600_000;

const withHarness = useWorkflowHarness(startTimeSkippingEnvironment);

test('a cluster that is paused when a revocation is due rests, and revokes once it is resumed', () =>
  withHarness(async (harness) => {
    const [one] = await startClusters(harness, 1);
    if (one === undefined) throw new Error('no cluster');
    const campaign = await startCampaign(harness, [[one.item]], { revocation: { reason: 4, delayMs: DELAY_MS } });
    await campaign.until('replaced', ({ counts }) => counts.revoking === 1);
    await harness.untilAsleep(one.view);
    const cluster = harness.env.client.workflow.getHandle(one.item.workflowId);
    await cluster.signal(clusterObserved, { ...one.view, paused: true });
    await campaign.until('blocked', ({ counts }) => counts.blocked === 1);
    await harness.advanceTime(DELAY_MS + 1_000);
    const { bundles } = await harness.status(one.view);
    expect(bundles[one.bundle]).toMatchObject({ state: 'Paused', campaigns: [{ serialNumber: '1' }] });
    expect(harness.doubles.countOf('revokeReplaced')).toBe(0);
    await harness.untilAsleep(one.view);
    await cluster.signal(clusterObserved, one.view);
    expect((await campaign.result()).counts).toMatchObject({ replaced: 1 });
    expect(harness.doubles.countOf('revokeReplaced')).toBe(1);
  }));
