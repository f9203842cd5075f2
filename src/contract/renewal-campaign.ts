/**
 * Messages, inputs and results of `renewalCampaign` and of `campaignWave`, its child for each wave. Both decide; only the
 * workflows of clusters order and revoke (`campaign-request.ts`). docs/decisions/campaigns.md has the reasons.
 */
import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { CampaignCounts, CampaignOutcome } from '../campaigns/outcome.ts';
import type { StopThreshold } from '../campaigns/stop-threshold.ts';
import type { CampaignRevocation } from './campaign-request.ts';

/** Certificates of a wave at most: its input, and its state with all outcomes, stay far below a payload's limit. */
export const MAX_WAVE_SIZE = 250;

/** Waves of a campaign at most. */
export const MAX_WAVES = 500;

/** Workflow id of a campaign. Its name is unique among those of a management cluster. */
export function campaignWorkflowId(managementCluster: string, name: string): string {
  return `campaign/${managementCluster}/${name}`;
}

/** Workflow id of a wave. @param number from 0. */
export function waveWorkflowId(campaignId: string, number: number): string {
  return `${campaignId}/${number}`;
}

/** A certificate to be replaced: that of a bundle which had this serial number when it was selected. */
export interface CampaignItem {
  /** Of the cluster or standalone request. */
  readonly workflowId: string;
  /** `<namespace>/<name>` */
  readonly cluster: string;
  readonly bundleName: string;
  /** In decimal. */
  readonly serialNumber: string;
}

/** What a campaign is for, and how. Instants are RFC 3339. */
export interface CampaignPlan {
  readonly name: string;
  /** Absent: certificates are renewed, and the old ones stay valid. */
  readonly revocation?: CampaignRevocation;
  /** The first wave must be done without a failure before the second begins. */
  readonly canary: boolean;
  readonly stopAt: StopThreshold;
  /** When the last certificate has to be replaced. Later ones are replaced too. */
  readonly deadline: string;
  /** What was selected, for people. */
  readonly selection: string;
  /** By what the client says of itself. */
  readonly requestedBy: string;
}

/** Input of `renewalCampaign`. */
export interface RenewalCampaignInput extends CampaignPlan {
  /** Set by continue-as-new only. */
  readonly carried?: CarriedCampaign;
}

/**
 * - `Preparing`: its waves are being added.
 * - `Running`; `Finishing`: every wave has begun.
 * - `Paused`: by a person. `Stopped`: by its threshold, or by a failure of the canary. No wave begins.
 * - `Completed`, `Aborted`: it has ended.
 */
export type CampaignPhase = 'Preparing' | 'Running' | 'Finishing' | 'Paused' | 'Stopped' | 'Completed' | 'Aborted';

/** How far a wave is. */
export interface WaveProgress {
  readonly counts: CampaignCounts;
  /** The latest instant that one of its certificates waits for. */
  readonly waitsUntil?: string;
  /** The instant of the last replacement. */
  readonly lastReplaced?: string;
  /** The wave has ended; its result has every outcome. */
  readonly ended?: true;
}

/** State of a run that the next run continues with. */
export interface CarriedCampaign {
  readonly phase: CampaignPhase;
  readonly startedAt: string;
  /** Why it is stopped, or was aborted. */
  readonly reason?: string;
  readonly waves: readonly WaveProgress[];
  /** Waves that have begun. */
  readonly begun: number;
  /** Failures with which a person has resumed it. */
  readonly accepted: number;
  readonly activeMs: number;
  /** The waves are complete. */
  readonly prepared: boolean;
}

/** Result of the query `campaignStatus`, and of the workflow. */
export interface CampaignStatus extends CampaignPlan {
  readonly phase: CampaignPhase;
  readonly reason?: string;
  readonly startedAt: string;
  readonly endedAt?: string;
  readonly counts: CampaignCounts;
  readonly waves: readonly WaveProgress[];
  readonly begun: number;
  readonly lastReplaced?: string;
  /** When the last certificate is expected to be replaced; absent: nothing is known yet, or nothing is left. */
  readonly expectedEnd?: string;
  /** The last one is expected, or was replaced, after the deadline. */
  readonly late: boolean;
}

/** Adds a wave, which is started and waits. The same number again adds nothing. */
export const addWave = defineUpdate<void, [{ readonly number: number; readonly items: readonly CampaignItem[] }]>(
  'addWave',
);
/** Begins with the first of so many waves, all of which have been added. */
export const beginCampaign = defineUpdate<void, [{ readonly waves: number }]>('beginCampaign');
/** No further wave begins; what has begun goes on. */
export const pauseCampaign = defineUpdate<void>('pauseCampaign');
/** Goes on after a pause or a stop; the failures so far no longer stop it. */
export const resumeCampaign = defineUpdate<void>('resumeCampaign');
/** Ends it: what has not begun is withdrawn, and an order under way goes on. */
export const abortCampaign = defineUpdate<void, [{ readonly by: string }]>('abortCampaign');
/** How far it is. */
export const campaignStatus = defineQuery<CampaignStatus>('campaignStatus');
/** From a wave: how far it is. */
export const waveProgressed = defineSignal<[ReportedProgress]>('waveProgressed');

/** Argument of `waveProgressed`. */
export interface ReportedProgress {
  /** Of the wave. */
  readonly number: number;
  readonly progress: WaveProgress;
}

/** Input of `campaignWave`. */
export interface CampaignWaveInput {
  readonly campaign: string;
  readonly campaignId: string;
  readonly number: number;
  readonly items: readonly CampaignItem[];
  readonly revocation?: CampaignRevocation;
  /** Set by continue-as-new only. */
  readonly carried?: CarriedWave;
}

/** State of a run that the next run continues with. */
export interface CarriedWave {
  /** Item by item, in their order; null: none yet. */
  readonly outcomes: readonly (CampaignOutcome | null)[];
  /** When it began (RFC 3339). */
  readonly begunAt?: string;
  /** How often its clusters were asked, and when they were last (RFC 3339). */
  readonly asked: number;
  readonly askedAt?: string;
}

/** Begins: asks the workflows of its clusters. */
export const beginWave = defineSignal('beginWave');
/** Ends it. `withdraw`: what has not begun is withdrawn. */
export const endWave = defineSignal<[WaveEnding]>('endWave');
/** Every certificate, with its outcome so far. */
export const waveStatus = defineQuery<WaveStatus>('waveStatus');

/** Argument of `endWave`. */
export interface WaveEnding {
  /** What has not begun is withdrawn. */
  readonly withdraw: boolean;
}

/** Result of the query `waveStatus`, and of the workflow. */
export interface WaveStatus {
  readonly items: readonly (CampaignItem & { readonly outcome?: CampaignOutcome })[];
  /** RFC 3339. */
  readonly begunAt?: string;
}
