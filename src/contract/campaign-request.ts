/** What a campaign asks the workflow of a cluster for, and what that answers. */
import { defineSignal } from '@temporalio/workflow';
import type { CampaignOutcome } from '../campaigns/outcome.ts';
import { type CrlReason, isCrlReason } from '../certificates/crl-reason.ts';
import type { FailureInfo } from '../failures/failure.ts';

/** How the old certificate is revoked, once the new one is in its Secret. */
export interface CampaignRevocation {
  /** RFC 5280 §5.3.1 CRLReason. */
  readonly reason: CrlReason;
  /** Milliseconds from the replacement on, in which Hive brings the new one to the cluster. */
  readonly delayMs: number;
  /** RFC 3339: until then, a revocation that is due waits for a cluster that still serves another one; absent: it never does. */
  readonly latestAt?: string;
}

/** Argument of `campaignRequested`: replace the certificate with this serial number. */
export interface CampaignRequest {
  /** Name of the campaign. */
  readonly campaign: string;
  /** Workflow id of the wave, which gets the outcomes. */
  readonly wave: string;
  /** Its number in the wave. */
  readonly item: number;
  readonly bundleName: string;
  readonly serialNumber: string;
  readonly revocation?: CampaignRevocation;
}

/** A request that a bundle has not met yet. Instants are RFC 3339. */
export interface PendingCampaign extends CampaignRequest {
  /** When the certificate was found to be replaced. */
  readonly replacedAt?: string;
  /** When the old one is revoked, or its revocation is tried again. */
  readonly revokeAt?: string;
  /** Failed attempts at the revocation, and the last failure. */
  readonly attempts?: number;
  readonly failure?: FailureInfo;
  /** Why the revocation, which was due, waits: a sentence. */
  readonly stillServed?: string;
  /** The outcome that the wave was sent last, as a digest. */
  readonly sent?: string;
}

const MAX_TEXT_LENGTH = 600;
const MAX_DELAY_MS = 30 * 24 * 3_600_000;

/** Whether a signal has the shape of a request: any client of the namespace can send one. */
export function isCampaignRequest(request: unknown): request is CampaignRequest {
  const { campaign, wave, item, bundleName, serialNumber, revocation }: Partial<CampaignRequest> = Object(request);
  if (![campaign, wave, bundleName, serialNumber].every(isText) || !Number.isInteger(item)) return false;
  if (revocation === undefined) return true;
  const { reason, delayMs, latestAt }: Partial<CampaignRevocation> = Object(revocation);
  const isDelay = typeof delayMs === 'number' && delayMs >= 0 && delayMs <= MAX_DELAY_MS;
  const isBound = latestAt === undefined || !Number.isNaN(Date.parse(latestAt));
  return isDelay && isBound && isCrlReason(reason);
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && value.length <= MAX_TEXT_LENGTH;
}

/** A campaign asks for a certificate. The same request again is answered again. */
export const campaignRequested = defineSignal<[CampaignRequest]>('campaignRequested');
/** A campaign was aborted: its requests are withdrawn. An order under way goes on. */
export const campaignWithdrawn = defineSignal<[{ readonly wave: string }]>('campaignWithdrawn');
/** To a wave: what has become of a certificate. */
export const campaignAnswered =
  defineSignal<[{ readonly item: number; readonly outcome: CampaignOutcome }]>('campaignAnswered');
