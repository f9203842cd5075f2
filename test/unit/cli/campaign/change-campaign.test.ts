import { expect, test } from 'vitest';
import { type CampaignChange, previewText } from '../../../../src/cli/campaign/change-campaign.ts';
import type { CampaignPhase } from '../../../../src/contract/renewal-campaign.ts';

test.each<[CampaignChange, CampaignPhase, boolean]>([
  ['pause', 'Running', true],
  ['pause', 'Finishing', false],
  ['resume', 'Stopped', true],
  ['resume', 'Running', false],
  ['abort', 'Preparing', true],
  ['abort', 'Completed', false],
])('a dry run says of %s while the campaign is %s whether it would be done: %s', (change, phase, isDone) => {
  expect(previewText('leak', change, { phase })).toBe(
    isDone
      ? `This would ${change} the campaign leak, which is ${phase}.`
      : `This would be refused: the campaign leak is ${phase}.`,
  );
});
