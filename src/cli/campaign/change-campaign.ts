import {
  abortCampaign,
  type CampaignPhase,
  type CampaignStatus,
  pauseCampaign,
  resumeCampaign,
} from '../../contract/renewal-campaign.ts';
import { updateResult } from '../cluster-workflow.ts';
import { readStatus, withCampaign } from './read-campaigns.ts';

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

/** Pauses, resumes or aborts a campaign. @returns how far it is then. @throws CertmanError where it is not in such a phase. */
export async function changeCampaign(name: string, change: CampaignChange): Promise<CampaignStatus> {
  return await withCampaign(name, async (campaign, client) => {
    switch (change) {
      case 'pause':
        await updateResult(campaign.executeUpdate(pauseCampaign));
        break;
      case 'resume':
        await updateResult(campaign.executeUpdate(resumeCampaign));
        break;
      case 'abort':
        await updateResult(campaign.executeUpdate(abortCampaign, { args: [{ by: client.options.identity }] }));
        break;
    }
    return await readStatus(campaign);
  });
}
