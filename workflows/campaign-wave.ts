/** One wave of a campaign: asks the workflows of its clusters, and collects what has become of each certificate. */
import { allHandlersFinished, condition, continueAsNew, setHandler, workflowInfo } from '@temporalio/workflow';
import { isWaveEnding } from '../src/contract/campaign-messages.ts';
import { campaignAnswered, isCampaignAnswer } from '../src/contract/campaign-request.ts';
import {
  beginWave,
  type CampaignWaveInput,
  endWave,
  type WaveStatus,
  waveStatus,
} from '../src/contract/renewal-campaign.ts';
import { Wave } from './campaign/wave.ts';
import { onSignal } from './on-signal.ts';

/** A wave that never begins ends with its campaign. This is for one whose campaign was terminated. */
const MAX_WAIT = '31 days';

/** Between two reports about what is not pressing. */
const REPORT_INTERVAL_MS = 30_000;

/** Runs until each certificate is replaced or skipped, or the campaign ends it. */
export async function campaignWave(input: CampaignWaveInput): Promise<WaveStatus> {
  const wave = new Wave(input);
  setHandler(beginWave, () => wave.begin(), { description: 'The turn of this wave has come.' });
  onSignal(
    endWave,
    isWaveEnding,
    (ending) => {
      wave.ending = ending;
    },
    'The campaign ends.',
  );
  onSignal(
    campaignAnswered,
    isCampaignAnswer,
    ({ item, outcome }) => wave.onAnswer(item, outcome),
    'What has become of a certificate.',
  );
  setHandler(waveStatus, () => wave.status(), { description: 'Every certificate, with its outcome so far.' });
  const isEnding = (): boolean => wave.ending !== undefined;
  await condition(() => wave.begun || isEnding(), MAX_WAIT, { summary: 'wait for the turn of this wave' });
  while (!wave.isSettled && !isEnding() && wave.begun) {
    if (wave.nextAskAt <= Date.now()) await wave.ask();
    if (workflowInfo().continueAsNewSuggested && allHandlersFinished() && !isEnding())
      return await continueAsNew<typeof campaignWave>(wave.continueAsNewInput());
    if (wave.isPressing) await wave.report();
    const isDue = (): boolean => wave.isSettled || isEnding() || wave.isPressing;
    if (isDue()) continue;
    const untilAsk = wave.nextAskAt - Date.now();
    const timeout = wave.isUnreported ? Math.min(REPORT_INTERVAL_MS, untilAsk) : untilAsk;
    const wasUnreported = wave.isUnreported;
    const changed = (): boolean => isDue() || (!wasUnreported && wave.isUnreported);
    const summary = wasUnreported ? 'report to the campaign' : 'ask again those that have not finished';
    const isChanged = await condition(changed, Math.max(1, timeout), { summary });
    if (!isChanged && wasUnreported) await wave.report();
  }
  if (wave.ending?.withdraw === true && wave.begun) await wave.withdraw();
  await wave.report(true);
  return wave.status();
}
