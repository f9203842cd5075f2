/** What operators and campaigns have asked of a bundle and wait for, as sentences for the Web UI and the CLI. Pure. */
import { renewalRequestMessage } from '../certificates/renewal-request.ts';
import { revocationMessage } from '../certificates/requested-revocation.ts';
import type { BundleFacts } from './bundle-record.ts';
import type { PendingCampaign } from './campaign-request.ts';

/** One sentence or two for each; none where nothing was asked for. */
export function requestMessages({
  renewalRequest,
  revocations = [],
  campaigns = [],
}: Pick<BundleFacts, 'renewalRequest' | 'revocations' | 'campaigns'>): readonly string[] {
  return [
    ...(renewalRequest === undefined ? [] : [renewalRequestMessage(renewalRequest)]),
    ...revocations.map(revocationMessage),
    ...campaigns.map(campaignMessage),
  ];
}

function campaignMessage({ campaign, serialNumber, revocation, replacedAt, revokeAt }: PendingCampaign): string {
  if (replacedAt !== undefined && revokeAt !== undefined)
    return `The campaign ${campaign} revokes certificate ${serialNumber}, which was replaced at ${replacedAt}, at ${revokeAt}.`;
  const then = revocation === undefined ? '' : ', which is revoked then';
  return `The campaign ${campaign} asks to replace certificate ${serialNumber}${then}.`;
}
