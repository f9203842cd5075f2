/** When the last certificate of a campaign is expected to be replaced. */
import { type CampaignCounts, totalOf } from './outcome.ts';

/** What the expectation is computed from. Epoch milliseconds. */
export interface Progress {
  readonly counts: CampaignCounts;
  /** How long certificates have been replaced so far, without pauses. */
  readonly activeMs: number;
  readonly now: number;
  /** The latest instant that a certificate waits for. */
  readonly waitsUntil?: number | undefined;
}

/**
 * By the rate so far, and never before the latest instant that one waits for. Those that are blocked, failing or skipped
 * are not expected.
 * @returns epoch milliseconds; undefined: nothing is left, or nothing is known of the rate yet.
 */
export function expectedEnd({ counts, activeMs, now, waitsUntil }: Progress): number | undefined {
  const left = counts.pending + counts.requested;
  if (left + counts.waiting === 0) return undefined;
  const rate = (counts.replaced + counts.revoking) / Math.max(1, activeMs);
  if (left > 0 && rate === 0) return undefined;
  const byRate = left === 0 ? now : now + left / rate;
  return Math.max(byRate, waitsUntil ?? 0);
}

/** Whether all that can be done is done: nothing is left that was not answered, but for failing and blocked ones. */
export function isAnswered(counts: CampaignCounts): boolean {
  return counts.pending + counts.requested === 0;
}

/** Whether a new certificate is missing for none that can have one. */
export function isReplaced({ pending, requested, waiting, failing, blocked }: CampaignCounts): boolean {
  return pending + requested + waiting + failing + blocked === 0;
}

/** Whether each is replaced, and revoked if that was asked for, or skipped. */
export function isSettled(counts: CampaignCounts): boolean {
  return counts.replaced + counts.skipped === totalOf(counts);
}
