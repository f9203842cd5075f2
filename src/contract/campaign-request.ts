/** What a campaign asks the workflow of a cluster for, and what that answers. */
import { defineSignal } from '@temporalio/workflow';
import type { CampaignOutcome } from '../campaigns/outcome.ts';
import type { CrlReason } from '../certificates/crl-reason.ts';

/** How the old certificate is revoked, once the new one is in its Secret. */
export interface CampaignRevocation {
  /** RFC 5280 §5.3.1 CRLReason. */
  readonly reason: CrlReason;
  /** Milliseconds from the replacement on, in which Hive brings the new one to the cluster. */
  readonly delayMs: number;
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
  /** Failed attempts at the revocation. */
  readonly attempts?: number;
  /** The outcome that the wave was sent last, as a digest. */
  readonly sent?: string;
}

/** A campaign asks for a certificate. The same request again is answered again. */
export const campaignRequested = defineSignal<[CampaignRequest]>('campaignRequested');
/** A campaign was aborted: its requests are withdrawn. An order under way goes on. */
export const campaignWithdrawn = defineSignal<[{ readonly wave: string }]>('campaignWithdrawn');
/** To a wave: what has become of a certificate. */
export const campaignAnswered =
  defineSignal<[{ readonly item: number; readonly outcome: CampaignOutcome }]>('campaignAnswered');
