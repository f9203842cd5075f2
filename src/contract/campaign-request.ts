/** What a campaign asks the workflow of a cluster for, and what that answers. */
import { defineSignal } from '@temporalio/workflow';
import type { CampaignOutcome } from '../campaigns/outcome.ts';
import { type CrlReason, isCrlReason } from '../certificates/crl-reason.ts';
import type { FailureInfo } from '../failures/failure.ts';
import { fieldsOf, isAbsentOr, isCount, isInstant, isText } from './shape.ts';

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

const MAX_DELAY_MS = 30 * 24 * 3_600_000;

/** Whether a signal has the shape of a request. */
export function isCampaignRequest(request: unknown): request is CampaignRequest {
  const { campaign, wave, item, bundleName, serialNumber, revocation } = fieldsOf<CampaignRequest>(request);
  const texts = [campaign, wave, bundleName, serialNumber];
  return texts.every((text) => isText(text, 600)) && isCount(item) && isAbsentOr(revocation, isCampaignRevocation);
}

function isCampaignRevocation(revocation: unknown): revocation is CampaignRevocation {
  const { reason, delayMs, latestAt } = fieldsOf<CampaignRevocation>(revocation);
  const isDelay = typeof delayMs === 'number' && delayMs >= 0 && delayMs <= MAX_DELAY_MS;
  return isDelay && isAbsentOr(latestAt, isInstant) && isCrlReason(reason);
}

/** Whether a signal has the shape of a withdrawal. */
export function isCampaignWithdrawal(withdrawal: unknown): withdrawal is { readonly wave: string } {
  return isText(fieldsOf<{ readonly wave: string }>(withdrawal).wave);
}

/** Whether a signal has the shape of an answer. */
export function isCampaignAnswer(answer: unknown): answer is CampaignAnswer {
  const { item, outcome } = fieldsOf<CampaignAnswer>(answer);
  return isCount(item) && isOutcome(outcome);
}

function isOutcome(value: unknown): value is CampaignOutcome {
  const { kind, serialNumber, at, revocation, until, code, message } =
    fieldsOf<Record<'kind' | 'serialNumber' | 'at' | 'revocation' | 'until' | 'code' | 'message', unknown>>(value);
  switch (kind as CampaignOutcome['kind']) {
    case 'replaced':
      return isText(serialNumber) && isInstant(at) && isAbsentOr(revocation, isText);
    case 'revoking':
      return isText(serialNumber) && isInstant(at) && isInstant(until) && isAbsentOr(message, isText);
    case 'waiting':
      return isInstant(until) && isText(message);
    case 'failing':
      return isText(code) && isText(message);
    case 'blocked':
    case 'skipped':
      return isText(message);
    default:
      return false;
  }
}

/** Argument of `campaignAnswered`. */
export interface CampaignAnswer {
  /** Its number in the wave. */
  readonly item: number;
  readonly outcome: CampaignOutcome;
}

/** A campaign asks for a certificate. The same request again is answered again. */
export const campaignRequested = defineSignal<[CampaignRequest]>('campaignRequested');
/** A campaign was aborted: its requests are withdrawn. An order under way goes on. */
export const campaignWithdrawn = defineSignal<[{ readonly wave: string }]>('campaignWithdrawn');
/** To a wave: what has become of a certificate. */
export const campaignAnswered = defineSignal<[CampaignAnswer]>('campaignAnswered');
