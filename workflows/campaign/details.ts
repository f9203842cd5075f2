import { countsText, totalOf } from '../../src/campaigns/outcome.ts';
import { thresholdText } from '../../src/campaigns/stop-threshold.ts';
import type { CampaignStatus } from '../../src/contract/renewal-campaign.ts';
import { counted } from '../../src/failures/counted.ts';

/** Rows of the table of waves. */
const MAX_ROWS = 30;

/** The details page of a campaign in the Temporal Web UI, as Markdown. */
export function campaignDetails(status: CampaignStatus): string {
  const { name, phase, reason, counts, waves, begun, selection, deadline, expectedEnd, late, stopAt } = status;
  const what = status.revocation === undefined ? 'Renew' : 'Replace and revoke';
  const end = expectedEnd === undefined ? '' : ` The last is expected to be replaced at ${expectedEnd}.`;
  const lines = [
    `### ${name}`,
    '',
    `**${phase}**${reason === undefined ? '' : `: ${reason}`} ${what} ${counted(totalOf(counts), 'certificate')}: ${selection}.`,
    '',
    `${countsText(counts)}.${end}${late ? ' **Later than the deadline.**' : ''}`,
    '',
    `Deadline ${deadline}; it stops at ${thresholdText(stopAt)}; requested by ${status.requestedBy}.`,
    '',
    '| wave | certificates |',
    '| --- | --- |',
  ];
  // Those that have begun last, and the next.
  const first = Math.max(0, begun + 1 - MAX_ROWS);
  for (const [index, wave] of waves.slice(first, first + MAX_ROWS).entries())
    lines.push(`| ${first + index} | ${countsText(wave.counts)} |`);
  // Web UI 2.42 makes its frame as high as the text without its margins, and so cuts off the last line.
  lines.push('', '&nbsp;');
  return lines.join('\n');
}
