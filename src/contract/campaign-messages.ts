/** Whether what `renewalCampaign` and `campaignWave` receive has its shape. Pure. */
import { type CampaignCounts, NO_COUNTS } from '../campaigns/outcome.ts';
import type { ReportedProgress, WaveEnding, WaveProgress } from './renewal-campaign.ts';
import { fieldsOf, isAbsentOr, isCount, isInstant, isText } from './shape.ts';

/** Of outcomes; there are eight. */
const MAX_KINDS = 32;

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

/** A wave of a later version may have more kinds, one of an earlier version fewer: {@link knownCounts}. */
function areCounts(counts: unknown): boolean {
  const fields = Object.values(fieldsOf<Readonly<Record<string, number>>>(counts));
  return fields.length > 0 && fields.length <= MAX_KINDS && fields.every(isCount);
}

/** Counts of a wave by the kinds of this version: what has become of the others is not known here, as of those that were only asked for. */
export function knownCounts(counts: CampaignCounts): CampaignCounts {
  const known: { -readonly [Kind in keyof CampaignCounts]: number } = { ...NO_COUNTS };
  for (const [kind, count] of Object.entries(counts))
    known[Object.hasOwn(NO_COUNTS, kind) ? (kind as keyof CampaignCounts) : 'requested'] += count;
  return known;
}

/** Argument of `endWave`. */
export function isWaveEnding(ending: unknown): ending is WaveEnding {
  return typeof fieldsOf<WaveEnding>(ending).withdraw === 'boolean';
}

/** Argument of `abortCampaign`. */
export function isAbortRequest(request: unknown): request is { readonly by: string } {
  return isText(fieldsOf<{ readonly by: string }>(request).by);
}
