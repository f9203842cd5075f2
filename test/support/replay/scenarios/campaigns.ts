/** A campaign over clusters, with its waves: replaced, failing, blocked, gone, withdrawn. */
import { clusterGone, clusterObserved } from '../../../../src/contract/cluster-certificates.ts';
import {
  abortCampaign,
  addWave,
  beginCampaign,
  type CampaignItem,
  type CampaignPlan,
  type CampaignStatus,
  campaignStatus,
  campaignWorkflowId,
  pauseCampaign,
  resumeCampaign,
  waveWorkflowId,
} from '../../../../src/contract/renewal-campaign.ts';
import { renewalCampaign } from '../../../../workflows/renewal-campaign.ts';
import { eventually } from '../../vitest/eventually.ts';
import { bundleView, clusterView } from '../../workflows/cluster-views.ts';
import {
  DAY_MS,
  type HistoryScenario,
  idOf,
  rejectNonRetryable,
  retryableFailure,
  type ScenarioContext,
  startAndWaitReady,
} from './scenario.ts';

/** A cluster with a certificate, and its item. */
async function startOne(context: ScenarioContext, name: string) {
  const { identity } = clusterView();
  const view = clusterView({
    identity: { ...identity, name, namespace: `ns-${name}` },
    bundles: [bundleView(`${name}-bundle`, `api.${name}.example.com`)],
  });
  const handle = await startAndWaitReady(context, view);
  const secret = context.doubles.secrets.get(`${name}-bundle-cert`);
  const serialNumber = secret?.kind === 'valid' ? secret.certificate.serialNumber : '';
  const item = { workflowId: idOf(view), cluster: `ns-${name}/${name}`, bundleName: `${name}-bundle`, serialNumber };
  return { view, handle, item };
}

async function startCampaign(
  { client, taskQueue }: ScenarioContext,
  waves: readonly (readonly CampaignItem[])[],
  plan: Partial<CampaignPlan> = {},
) {
  const workflowId = campaignWorkflowId('hive', taskQueue);
  const deadline = new Date(Date.now() + DAY_MS).toISOString();
  const usual = {
    name: taskQueue,
    canary: true,
    stopAt: { count: 5 },
    deadline,
    selection: 'all',
    requestedBy: 'test',
  };
  await client.workflow.start(renewalCampaign, { workflowId, taskQueue, args: [{ ...usual, ...plan }] });
  const handle = client.workflow.getHandle<typeof renewalCampaign>(workflowId);
  for (const [number, items] of waves.entries()) await handle.executeUpdate(addWave, { args: [{ number, items }] });
  await handle.executeUpdate(beginCampaign, { args: [{ waves: waves.length }] });
  const until = (what: string, holds: (status: CampaignStatus) => boolean) =>
    eventually(what, () => handle.query(campaignStatus), holds);
  const ids = [workflowId, ...waves.map((_, number) => waveWorkflowId(workflowId, number))];
  return { handle, until, ids };
}

export const CAMPAIGNS: readonly HistoryScenario[] = [
  {
    name: 'campaign-replaces-and-revokes',
    continueAsNewAfter: 60,
    run: async (context) => {
      const [first, second, third] = [
        await startOne(context, 'first'),
        await startOne(context, 'second'),
        await startOne(context, 'third'),
      ];
      const { doubles } = context;
      doubles.override('placeOrder', () => rejectNonRetryable('acme/unauthorized', 'forbidden'));
      const revocation = { reason: 1, delayMs: 0 } as const;
      const gone = { ...third.item, workflowId: 'cluster/hive/ns/gone/uid' };
      const campaign = await startCampaign(context, [[first.item], [second.item, gone], [third.item]], { revocation });
      await campaign.until('the canary fails', ({ phase }) => phase === 'Stopped');
      doubles.override('placeOrder', undefined);
      await campaign.handle.executeUpdate(resumeCampaign);
      await first.handle.signal(clusterObserved, { ...first.view, limitedSupport: true });
      await campaign.handle.result();
      return [...campaign.ids, first.item.workflowId, second.item.workflowId, third.item.workflowId];
    },
  },
  {
    name: 'campaign-paused-and-aborted',
    run: async (context) => {
      const [blocked, deleted] = [await startOne(context, 'blocked'), await startOne(context, 'deleted')];
      const { doubles } = context;
      doubles.override('placeOrder', () => Promise.reject(retryableFailure('acme/unreachable', 'no answer yet')));
      await blocked.handle.signal(clusterObserved, { ...blocked.view, paused: true });
      const campaign = await startCampaign(context, [[deleted.item], [blocked.item]], { canary: false });
      await campaign.until('the first wave has begun', ({ counts }) => counts.requested === 1);
      await campaign.handle.executeUpdate(pauseCampaign);
      doubles.override('placeOrder', () =>
        rejectNonRetryable('rateLimit/newOrders', 'others first', new Date(Date.now() + DAY_MS)),
      );
      await campaign.until('it waits', ({ counts }) => counts.waiting === 1);
      await campaign.handle.executeUpdate(resumeCampaign);
      await campaign.until('the second is blocked', ({ counts }) => counts.blocked === 1);
      await deleted.handle.signal(clusterGone);
      await deleted.handle.result();
      await campaign.until('skipped', ({ counts }) => counts.skipped === 1);
      await campaign.handle.executeUpdate(abortCampaign, { args: [{ by: 'test' }] });
      await campaign.handle.result();
      return [...campaign.ids, blocked.item.workflowId, deleted.item.workflowId];
    },
  },
];
