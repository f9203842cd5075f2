import { abortCampaign, type CampaignStatus, pauseCampaign, resumeCampaign } from '../../contract/renewal-campaign.ts';
import { updateResult } from '../cluster-workflow.ts';
import { readStatus, withCampaign } from './read-campaigns.ts';

/** Pauses, resumes or aborts a campaign. @returns how far it is then. @throws CertmanError where it is not in such a phase. */
export async function changeCampaign(name: string, change: 'pause' | 'resume' | 'abort'): Promise<CampaignStatus> {
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
