/** What `certman campaign start` plans: waves, threshold, deadline, revocation. */

import type { StopThreshold } from '../../campaigns/stop-threshold.ts';
import { CRL_REASONS, type CrlReasonName } from '../../certificates/crl-reason.ts';
import { duration } from '../../configuration/values.ts';
import type { CampaignRevocation } from '../../contract/campaign-request.ts';
import { MAX_WAVE_SIZE, MAX_WAVES } from '../../contract/renewal-campaign.ts';
import { counted } from '../../failures/counted.ts';
import { UsageError } from '../arguments.ts';
import { parseInstant } from './selection-options.ts';

/** Each order makes a new private key, so `rekey` is another name of `renew`. */
export const ACTIONS = ['renew', 'rekey', 'replace'] as const;
/** One of {@link ACTIONS}. */
export type CampaignCommand = (typeof ACTIONS)[number];

/** Of `--wave`. */
export const DEFAULT_WAVE_SIZE = 100;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MAX_CANARY = 10;
const DEFAULT_STOP: StopThreshold = { share: 0.05 };
/** CAs revoke within 24 hours where a key is compromised (Baseline Requirements §4.9.1.1). */
const REPLACE_DEADLINE_MS = DAY_MS;
const RENEW_DEADLINE_MS = 7 * DAY_MS;
const MAX_DEADLINE_MS = 30 * DAY_MS;
/** Hive brings a new certificate to its cluster within 2 h ± 10 %. */
export const DEFAULT_REVOKE_AFTER_MS = 3 * HOUR_MS;
export const REVOKE_AFTER = duration('0s', '30d');

/** Flags of the plan. */
export interface PlanOptions {
  readonly canary?: string;
  readonly wave?: string;
  readonly stopAt?: string;
  readonly deadline?: string;
  readonly reason?: CrlReasonName;
  readonly revokeAfter?: string;
}

/** Certificates of a wave, and of the first one; `canary` undefined: by how many are selected. */
export interface WaveSizes {
  readonly canary: number | undefined;
  readonly size: number;
}

/** How the waves are made. */
export interface WavePlan {
  readonly canary: number;
  readonly size: number;
}

/** The sizes that the flags say, before anything is read. @throws UsageError */
export function waveSizesOf({ canary, wave }: PlanOptions): WaveSizes {
  return {
    size: wholeNumber('--wave', wave ?? String(DEFAULT_WAVE_SIZE), 1, MAX_WAVE_SIZE),
    canary: canary === undefined ? undefined : wholeNumber('--canary', canary, 0, MAX_WAVE_SIZE),
  };
}

/** @param total certificates. @throws UsageError where they are too many waves. */
export function wavePlanOf({ size, canary }: WaveSizes, total: number): WavePlan {
  const usual = Math.min(MAX_CANARY, Math.max(1, Math.round(total / 100)));
  const plan = { size, canary: canary ?? usual };
  if (Math.ceil(total / size) + 1 <= MAX_WAVES) return plan;
  throw new UsageError(
    `${counted(total, 'certificate')} in waves of ${size} are more than ${MAX_WAVES} waves; expected a larger --wave, or a narrower selection`,
  );
}

/** Cuts a list into its waves; the first is the canary, unless that has none, or all. */
export function wavesOf<Item>(items: readonly Item[], { canary, size }: WavePlan): readonly (readonly Item[])[] {
  const waves: (readonly Item[])[] = canary === 0 ? [] : [items.slice(0, canary)];
  for (let start = canary; start < items.length; start += size) waves.push(items.slice(start, start + size));
  return waves;
}

/** `12` failures, or `5%` of those that were asked for. @throws UsageError */
export function parseThreshold(text: string | undefined): StopThreshold {
  if (text === undefined) return DEFAULT_STOP;
  const [, share] = /^(\d{1,3}(?:\.\d{1,2})?)%$/.exec(text) ?? [];
  if (share !== undefined && Number(share) > 0 && Number(share) <= 100) return { share: Number(share) / 100 };
  if (/^[1-9]\d{0,6}$/.test(text)) return { count: Number(text) };
  throw new UsageError(
    `--stop-at is "${text.slice(0, 100)}"; expected a number of failures from 1, or a share such as 5%`,
  );
}

/** @returns epoch milliseconds. @throws UsageError */
export function deadlineOf(action: CampaignCommand, { deadline }: PlanOptions, now: number): number {
  if (deadline === undefined) return now + (action === 'replace' ? REPLACE_DEADLINE_MS : RENEW_DEADLINE_MS);
  const at = parseInstant('--deadline', deadline, now);
  if (at <= now) throw new UsageError(`--deadline is ${new Date(at).toISOString()}, which has passed`);
  if (at <= now + MAX_DEADLINE_MS) return at;
  throw new UsageError(
    `--deadline is ${new Date(at).toISOString()}; expected one within 30 days, the longest that a campaign lasts`,
  );
}

/**
 * @param deadline epoch milliseconds: what is due for revocation waits until then for a cluster that serves another one.
 * @throws UsageError where a flag of `replace` is given for another action.
 */
export function revocationOf(
  action: CampaignCommand,
  { reason, revokeAfter }: PlanOptions,
  deadline: number,
): CampaignRevocation | undefined {
  if (action !== 'replace') {
    if (reason === undefined && revokeAfter === undefined) return undefined;
    throw new UsageError(`--reason and --revoke-after are for replace; ${action} revokes nothing`);
  }
  if (reason === undefined)
    throw new UsageError(`replace needs --reason; expected one of ${Object.keys(CRL_REASONS).join(', ')}`);
  const usual = reason === 'keyCompromise' ? 0 : DEFAULT_REVOKE_AFTER_MS;
  const delayMs = revokeAfter === undefined ? usual : REVOKE_AFTER.parse(revokeAfter);
  if (delayMs === 0) return { reason: CRL_REASONS[reason], delayMs };
  if (delayMs !== undefined)
    return { reason: CRL_REASONS[reason], delayMs, latestAt: new Date(deadline).toISOString() };
  throw new UsageError(`--revoke-after is "${revokeAfter?.slice(0, 100)}"; expected ${REVOKE_AFTER.expected}`);
}

/** @throws UsageError */
export function parseCampaignName(text: string): string {
  if (/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text)) return text;
  throw new UsageError(
    `"${text.slice(0, 100)}" is no name of a campaign; expected lower-case letters, digits and hyphens, at most 63`,
  );
}

/** `replace-20261129-2105`. @param now epoch milliseconds. */
export function defaultName(action: CampaignCommand, now: number): string {
  const [date = '', time = ''] = new Date(now).toISOString().replaceAll(/[-:]/g, '').split('T');
  return `${action}-${date}-${time.slice(0, 6)}`;
}

function wholeNumber(flag: string, text: string, min: number, max: number): number {
  const count = /^\d{1,9}$/.test(text) ? Number(text) : -1;
  if (count >= min && count <= max) return count;
  throw new UsageError(`${flag} is "${text.slice(0, 100)}"; expected a number from ${min} to ${max}`);
}
