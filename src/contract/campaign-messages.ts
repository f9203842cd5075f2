/** Whether what `renewalCampaign` and `campaignWave` receive has its shape. Pure. */
import { type CampaignCounts, NO_COUNTS } from '../campaigns/outcome.ts';
import type { ReportedProgress, WaveEnding, WaveProgress } from './renewal-campaign.ts';
import { fieldsOf, isAbsentOr, isCount, isInstant, isText } from './shape.ts';

/** Argument of `waveProgressed`. */
export function isReportedProgress(reported: unknown): reported is ReportedProgress {
  const { number, progress } = fieldsOf<ReportedProgress>(reported);
  const { counts, waitsUntil, lastReplaced, ended } = fieldsOf<WaveProgress>(progress);
  return (
    isCount(number) &&
    areCounts(counts) &&
    [waitsUntil, lastReplaced].every((instant) => isAbsentOr(instant, isInstant)) &&
    (ended === undefined || ended === true)
  );
}

function areCounts(counts: unknown): counts is CampaignCounts {
  const fields = fieldsOf<CampaignCounts>(counts);
  const kinds = Object.keys(NO_COUNTS) as readonly (keyof CampaignCounts)[];
  return kinds.every((kind) => isCount(fields[kind])) && Object.keys(fields).length === kinds.length;
}

/** Argument of `endWave`. */
export function isWaveEnding(ending: unknown): ending is WaveEnding {
  return typeof fieldsOf<WaveEnding>(ending).withdraw === 'boolean';
}

/** Argument of `abortCampaign`. */
export function isAbortRequest(request: unknown): request is { readonly by: string } {
  return isText(fieldsOf<{ readonly by: string }>(request).by);
}
