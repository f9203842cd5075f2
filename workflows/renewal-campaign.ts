/** An operation over the certificates of many clusters, in waves. docs/decisions/campaigns.md */
import {
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { isReportedProgress } from '../src/contract/campaign-messages.ts';
import {
  abortCampaign,
  addWave,
  beginCampaign,
  type CampaignStatus,
  campaignStatus,
  pauseCampaign,
  type RenewalCampaignInput,
  resumeCampaign,
  waveProgressed,
} from '../src/contract/renewal-campaign.ts';
import { Campaign, PREPARATION_MS } from './campaign/campaign.ts';
import { onSignal } from './on-signal.ts';

/** In which its waves end once it is over: milliseconds, if a worker runs. */
const END_TIMEOUT = '1 hour';

/** Runs until each certificate is replaced or skipped, the rest is late, or a person aborts it. */
export async function renewalCampaign(input: RenewalCampaignInput): Promise<CampaignStatus> {
  const campaign = new Campaign(input);
  setHandler(addWave, ({ number, items }) => campaign.addWave(number, items), {
    description: 'Adds a wave.',
    validator: (wave) => campaign.requireWave(wave?.number, wave?.items),
  });
  setHandler(beginCampaign, () => campaign.start(), {
    description: 'Begins with the first wave.',
    validator: (request) => campaign.requireComplete(request?.waves),
  });
  setHandler(pauseCampaign, () => campaign.pause(), {
    description: 'No further wave begins.',
    validator: () => campaign.requirePausable(),
  });
  setHandler(resumeCampaign, () => campaign.resume(), {
    description: 'Goes on after a pause or a stop.',
    validator: () => campaign.requireHeld(),
  });
  // An earlier version accepted one without `by`, which is replayed.
  setHandler(abortCampaign, (request) => campaign.abort(`${String(request?.by).slice(0, 200)} aborted it.`), {
    description: 'Ends it; what has not begun is withdrawn.',
    validator: (request) => campaign.requireAbortable(request),
  });
  onSignal(
    waveProgressed,
    isReportedProgress,
    ({ number, progress }) => campaign.onProgress(number, progress),
    'How far a wave is.',
  );
  setHandler(campaignStatus, () => campaign.status(), { description: 'How far it is.' });
  try {
    campaign.publish();
    await untilPrepared(campaign);
    if (campaign.hasTooManyChildren) {
      await condition(allHandlersFinished);
      return await continueAsNew<typeof renewalCampaign>(campaign.continueAsNewInput());
    }
    while (!campaign.isOver) {
      if (workflowInfo().continueAsNewSuggested && allHandlersFinished())
        return await continueAsNew<typeof renewalCampaign>(campaign.continueAsNewInput());
      await proceed(campaign);
    }
  } catch (error) {
    if (!isCancellation(error)) throw error;
    campaign.abort('It was cancelled.');
  }
  return await CancellationScope.nonCancellable(() => end(campaign));
}

async function untilPrepared(campaign: Campaign): Promise<void> {
  if (campaign.isPrepared || campaign.isAborted) return;
  const summary = 'wait for all waves to be added';
  const isReady = await condition(() => campaign.isPrepared || campaign.isAborted, PREPARATION_MS, { summary });
  if (!isReady) campaign.abort('Its waves were not complete within an hour: the client that added them has died.');
}

/** Begins the next wave, or waits for a change. */
async function proceed(campaign: Campaign): Promise<void> {
  const next = campaign.nextWave;
  if (next !== undefined) return await campaign.beginNext(next);
  const { changes } = campaign;
  await campaign.checkWaves();
  if (campaign.changes !== changes) return;
  const timeout = Math.max(1, campaign.nextCheckAt - Date.now());
  await condition(() => campaign.changes !== changes, timeout, { summary: 'the deadline, or a look at its waves' });
  campaign.publish();
}

async function end(campaign: Campaign): Promise<CampaignStatus> {
  await condition(allHandlersFinished);
  await campaign.endWaves();
  await condition(() => campaign.areWavesEnded, END_TIMEOUT, { summary: 'the end of its waves' });
  await condition(allHandlersFinished);
  return campaign.finish();
}
