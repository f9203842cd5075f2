import { counted } from '../failures/counted.ts';
import { type CampaignCounts, totalOf } from './outcome.ts';

/** Failures at which a campaign stops: a number, or a share (0 to 1) of the certificates that were asked for. */
export type StopThreshold = { readonly count: number } | { readonly share: number };

/** A share of fewer certificates than this says nothing: the canary is what they are for. */
const MIN_SAMPLE = 20;

/**
 * Whether so many fail that the campaign stops.
 * @param accepted failures with which a person has resumed it.
 */
export function exceedsThreshold(counts: CampaignCounts, threshold: StopThreshold, accepted: number): boolean {
  const failures = counts.failing - accepted;
  if (failures <= 0) return false;
  if ('count' in threshold) return failures >= threshold.count;
  const asked = totalOf(counts) - counts.pending;
  return failures >= threshold.share * Math.max(MIN_SAMPLE, asked);
}

/** For people. */
export function thresholdText(threshold: StopThreshold): string {
  return 'count' in threshold
    ? counted(threshold.count, 'failure')
    : `${Math.round(threshold.share * 1000) / 10} % failures`;
}
