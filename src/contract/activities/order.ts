/** The activities that take an order through several steps in a row. */
import type { ZoneTarget } from '../../clusters/zone-target.ts';
import type { FinalizeOrderInput, InstallCertificateInput, InstalledCertificate, PlacedOrder } from './acme.ts';
import type { PublishTxtRecordsInput, VerifiedPropagation, VerifyPropagationInput } from './dns.ts';
import type { RequestObservation } from './kubernetes.ts';
import type { SealedTxtRecord } from './txt-records.ts';

/** Input of `publishAndVerify`. */
export interface PublishAndVerifyInput extends PublishTxtRecordsInput, Pick<VerifyPropagationInput, 'ownershipOf'> {}

/** Input of `completeOrder`. */
export interface CompleteOrderInput
  extends FinalizeOrderInput,
    Pick<PlacedOrder, 'challenges'>,
    Pick<InstallCertificateInput, 'secretName' | 'skipCanary' | 'secretMissing' | 'returnReplaced' | 'returnWindow'> {
  readonly zone: ZoneTarget;
  /** Withdrawn with those of the challenges. */
  readonly otherRecords: readonly SealedTxtRecord[];
}

/** Result of `completeOrder`. */
export interface CompletedOrder {
  readonly certificateUrl: string;
  readonly installed: InstalledCertificate;
  /** Whether the TXT records were withdrawn. */
  readonly withdrawn: boolean;
}

/** What the status of a certificate that an order has installed depends on, besides the certificate. */
export interface ReportTerms
  extends Pick<
    RequestObservation,
    'generation' | 'renewBeforeDays' | 'renewalPolicy' | 'renewalPolicyProblem' | 'caHost' | 'fallbackCaHosts'
  > {
  readonly replacedSerialNumber?: string;
  /** It replaces one. */
  readonly isRenewal: boolean;
}

/** Input of `fulfillOrder`. */
export interface FulfillOrderInput extends CompleteOrderInput, Pick<PublishTxtRecordsInput, 'waitingSince'> {
  /** Of the order. */
  readonly caHost: string;
  readonly failover?: string;
  /** Absent: the status is left to the workflow. */
  readonly reportTerms?: ReportTerms;
}

/** Result of `fulfillOrder`. */
export interface FulfilledOrder extends CompletedOrder {
  /** RFC 3339. */
  readonly installedAt: string;
  /** The status is written, with its Event; absent: the workflow writes it. */
  readonly reported?: true;
}

/** `details[1]` of a failed, and `details[0]` of a cancelled `publishAndVerify`, `completeOrder` or `fulfillOrder`. */
export interface UnfinishedStep {
  /** The TXT records were published, and are live. */
  readonly published?: true;
  /** The order has certainly not been finalized, so that no certificate was issued. */
  readonly notFinalized?: true;
}

/**
 * Several steps of an order at once. An attempt resumes at the step that the last one had reached: its heartbeat details
 * name it (`step`). Each step is as the activity of that name.
 */
export interface OrderActivities {
  /** `publishTxtRecords`, then `verifyPropagation`. @throws with {@link UnfinishedStep}. */
  publishAndVerify(input: PublishAndVerifyInput): Promise<VerifiedPropagation>;
  /**
   * `answerChallenges`, where there are any; then `finalizeOrder` and `installCertificate`, and beside these the withdrawal
   * of the TXT records, whose failure does not matter. @throws with {@link UnfinishedStep}.
   */
  completeOrder(input: CompleteOrderInput): Promise<CompletedOrder>;
  /**
   * `publishAndVerify`, where there are challenges, and `completeOrder`; then writes the status as `reportStatus` does, whose
   * failure does not matter. @throws `dns/queued` as `publishTxtRecords`; with {@link UnfinishedStep}.
   */
  fulfillOrder(input: FulfillOrderInput): Promise<FulfilledOrder>;
}
