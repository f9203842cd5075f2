/** The activities that take an order through several steps in a row. */
import type { ZoneTarget } from '../../clusters/zone-target.ts';
import type { FailureInfo } from '../../failures/failure.ts';
import type {
  FinalizeOrderInput,
  InstallCertificateInput,
  InstalledCertificate,
  PlacedOrder,
  PlaceOrderInput,
} from './acme.ts';
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
  /** Absent: `placeOrder` has not begun. */
  readonly begun?: BegunFulfillment;
}

/** An attempt of `placeOrder` at fulfilling its order, which counts as the first attempt of `fulfillOrder`. */
export interface BegunFulfillment {
  /** What it recorded last; not trusted. */
  readonly recorded?: unknown;
  /** When it began (RFC 3339), and the order to wait for its turn; absent: it is not known. */
  readonly begunAt?: string;
  /** How it ended; absent: it was interrupted. */
  readonly failure?: FailureInfo;
  /** Absent without a failure: its worker died, or it is not known. */
  readonly unfinished?: UnfinishedStep;
  /** The failure is not to be retried by Temporal. */
  readonly isFinal?: true;
}

/** What `placeOrder` needs to fulfill its order. */
export type FulfillmentTerms = Omit<
  FulfillOrderInput,
  keyof PlaceOrderInput | keyof PlacedOrder | 'waitingSince' | 'begun'
>;

/** Input of `placeOrder`. */
export interface OrderPlacementInput extends PlaceOrderInput {
  /** Go on to fulfill it, where its records do not stay in the zone; absent: leave that to `fulfillOrder`. */
  readonly fulfill?: FulfillmentTerms;
}

/**
 * `details[1]` of a failed, and `details[0]` of a cancelled `placeOrder` that has placed an order, or found that of an earlier
 * attempt, and could not read what it asks for: nothing is published.
 */
export interface UnreadOrder {
  /** With its seal. */
  readonly orderUrl: string;
}

/** Result of `placeOrder` for an order that is not fulfilled. */
export interface UnfulfilledOrder extends PlacedOrder {
  /** With `fulfill`, where it began. */
  readonly begun?: BegunFulfillment;
}

/**
 * Result of `placeOrder` for an order that it has fulfilled. It has no `challenges`: a worker that does not know of this result
 * fails its task, and does not fulfill the order again.
 */
export interface FulfilledPlacement extends Pick<PlacedOrder, 'orderUrl' | 'caHost' | 'failover'> {
  readonly fulfilled: FulfilledOrder;
  /** Where the TXT records of the challenges were; absent: there were none. */
  readonly zoneNames?: readonly string[];
  /** Of the challenges; absent: they are withdrawn. */
  readonly leftRecords?: readonly SealedTxtRecord[];
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
  /**
   * Places an order for exactly these names, or resumes an earlier one; with `fulfill`, then does as `fulfillOrder`. That fails
   * no attempt: what is left is for `fulfillOrder`, which continues there, with the priority of an order under way. An attempt
   * that is interrupted meanwhile has an `UnfinishedPlacement` in its heartbeats.
   * @throws `kubernetes/notAskedFor` for names that the bundle does not have, and for a standalone request whose
   * control of the names was not verified; `acme/caChanged` when the account is not of `caHost`; with {@link UnreadOrder}.
   */
  placeOrder(input: OrderPlacementInput): Promise<UnfulfilledOrder | FulfilledPlacement>;
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
