import type { Client } from '@temporalio/client';
import {
  abortCampaign,
  type CampaignPhase,
  type CampaignStatus,
  pauseCampaign,
  resumeCampaign,
} from '../../contract/renewal-campaign.ts';
import { commandLine } from '../program-name.ts';
import { type StartUpdate, sendUpdate } from '../send-update.ts';
import type { TimeBound } from '../time-bound.ts';
import { TimedRequest } from '../timed-request.ts';
import { type Campaign, readStatus, withCampaign } from './read-campaigns.ts';

/** What an operator does with a campaign. */
export type CampaignChange = 'pause' | 'resume' | 'abort';

/** In which phases its workflow accepts it. */
const ACCEPTED_IN: Readonly<Record<CampaignChange, readonly CampaignPhase[]>> = {
  pause: ['Running'],
  resume: ['Paused', 'Stopped'],
  abort: ['Preparing', 'Running', 'Finishing', 'Paused', 'Stopped'],
};

/** What a change would do now, for people. */
export function previewText(name: string, change: CampaignChange, { phase }: Pick<CampaignStatus, 'phase'>): string {
  return ACCEPTED_IN[change].includes(phase)
    ? `This would ${change} the campaign ${name}, which is ${phase}.`
    : `This would be refused: the campaign ${name} is ${phase}.`;
}

/** Pauses, resumes or aborts a campaign. @param bound of all that it waits for. @returns how far it is then. @throws CertmanError where it is not in such a phase. */
export async function changeCampaign(name: string, change: CampaignChange, bound: TimeBound): Promise<CampaignStatus> {
  const request = new TimedRequest(bound, commandLine(`campaign status ${name}`));
  const work = async (campaign: Campaign, client: Client): Promise<CampaignStatus> => {
    const read = () => readStatus(campaign, client, bound);
    const start: Readonly<Record<CampaignChange, StartUpdate<void>>> = {
      pause: (run, sent) => run.startUpdate(pauseCampaign, sent),
      resume: (run, sent) => run.startUpdate(resumeCampaign, sent),
      abort: (run, sent) => run.startUpdate(abortCampaign, { ...sent, args: [{ by: client.options.identity }] }),
    };
    await sendUpdate(client, campaign.workflowId, start[change], read, { request });
    return await read();
  };
  return await request.run(() => withCampaign(name, work, bound));
}
