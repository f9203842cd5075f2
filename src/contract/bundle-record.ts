import type { CertificateFacts, Installation, IssuedCertificate } from '../certificates/certificate-facts.ts';
import type { RenewalPolicy } from '../certificates/planned-renewal.ts';
import type { Postponement } from '../certificates/postponement.ts';
import { type RenewalRequest, renewalRequestReason } from '../certificates/renewal-request.ts';
import type { RenewalWindow } from '../certificates/renewal-window.ts';
import type { RequestedRevocation } from '../certificates/requested-revocation.ts';
import type { ScheduledRetry } from '../certificates/scheduled-retry.ts';
import { conditionReason } from '../certificates/status-messages.ts';
import type { GateReason } from '../clusters/gate.ts';
import type { FailureInfo } from '../failures/failure.ts';
import type { RateLimitState } from '../rate-limit/exact-set-limit.ts';
import type { RevocationEntry } from './activities/acme.ts';
import type { DecommissionRules } from './activities/kubernetes.ts';
import type { SealedTxtRecord } from './activities/txt-records.ts';
import type { PendingCampaign } from './campaign-request.ts';
import type { KnownCertificate } from './known-certificates.ts';

/** What a workflow records about a bundle in every state, and carries from run to run. Instants are RFC 3339. */
export interface BundleFacts {
  /** What is going on and what happens next, in one sentence. */
  readonly message: string;
  readonly since: string;
  /** The last status write, if it failed: the status is written again by itself. */
  readonly statusWriteError?: ScheduledRetry;
  /** The last write of the finalizer or the CertificateRequest, if it failed and the Secret holds a certificate. */
  readonly objectWriteError?: ScheduledRetry;
  readonly secretName: string;
  readonly requestName: string;
  /** Of the CertificateRequest, once it was seen. */
  readonly requestUid?: string;
  readonly dnsNames: readonly string[];
  /** The certificate in the Secret. */
  readonly certificate?: CertificateFacts;
  /** Of `certificate`; absent: certman did not install it, or a run that began before certman recorded it did. */
  readonly installation?: Installation;
  /** Directory host of the CA that issued `certificate`, else the last one, if known. */
  readonly caHost?: string;
  /** That `certificate` is from a fallback CA, in a sentence. */
  readonly fallback?: string;
  readonly suggestedWindow?: RenewalWindow;
  /** Serial number of a certificate that was found revoked. */
  readonly revokedSerialNumber?: string;
  /** metadata.generation of the CertificateRequest when it was observed last. */
  readonly generation?: number;
  readonly renewBeforeDays?: number;
  /** That of `certificate`; absent: `renew-before`. */
  readonly renewalPolicy?: RenewalPolicy;
  /** Why the request's annotation of the policy does not count, as a clause. */
  readonly renewalPolicyProblem?: string;
  /** The renewal of `certificate` is due, and waits. */
  readonly postponement?: Postponement;
  /** Its turn to restart the kube-apiserver (RFC 3339). */
  readonly restartTurn?: string;
  readonly rateLimitState?: RateLimitState;
  /** Orders started so far; numbers the child workflows. */
  readonly orders: number;
  /** Certificates issued here that have not expired: revoked by the decommission. */
  readonly issued: readonly IssuedCertificate[];
  /** TXT records that an order could not withdraw: withdrawn with the next order, or by the decommission. */
  readonly leftoverRecords?: readonly SealedTxtRecord[];
  /** TXT records that stay in the zone for the next order (`dns-persist-01`): withdrawn by the decommission. */
  readonly persistentRecords?: readonly SealedTxtRecord[];
  /** Orders that may be fulfilled without the certificate in its Secret: revoked by the decommission. */
  readonly unclaimedOrders?: readonly string[];
  /** An operator's request that is not fulfilled, or has expired. */
  readonly renewalRequest?: RenewalRequest;
  /** Revocations that operators have requested, settled or not. */
  readonly revocations?: readonly RequestedRevocation[];
  /** Requests of campaigns that are not met yet. */
  readonly campaigns?: readonly PendingCampaign[];
}

/** The last failed attempt since the last success. */
export interface LastAttempt {
  readonly failure: FailureInfo;
  readonly failedAt: string;
  /** Directory host of the CA that the account named at the attempt, if known. */
  readonly caHost?: string;
  /** Failed attempts since the last success. */
  readonly attempts: number;
  /** An order that the attempt left open; the next attempt resumes it. */
  readonly openOrder?: string;
  /** An order failed at the CA since the last success, and none was proved at the staging CA since. */
  readonly unproved?: true;
}

/** Why a step of a decommission is not done yet. */
export interface BlockedStep extends Omit<ScheduledRetry, 'nextAttempt'> {
  /** Absent while a closed gate keeps it from being retried. */
  readonly nextAttempt?: string;
}

/** When a decommission started, and its rules. */
export interface DecommissionStarted extends DecommissionRules {
  readonly since: string;
}

/** That of a bundle. */
export interface BundleDecommissionStarted extends DecommissionStarted {
  /** Its order waited for its turn at the budget of a CA, which is released with its objects. */
  readonly waitsForTurn?: true;
}

/** What the decommission of a bundle did. */
export interface BundleDecommissionResult {
  readonly bundleName: string;
  readonly revocations: readonly RevocationEntry[];
  /** Those that it had; absent: by an earlier version. */
  readonly certificates?: readonly KnownCertificate[];
  /** Names of the objects that were deleted. */
  readonly removed: readonly string[];
  /** What could not be done, in order. */
  readonly failures: readonly FailureInfo[];
}

/** The state of a bundle with what only that state has. */
export type BundleState =
  | { readonly state: 'Pending' }
  | { readonly state: 'Issuing' | 'Renewing'; readonly lastAttempt?: LastAttempt; readonly renewalTime?: string }
  | { readonly state: 'Ready'; readonly certificate: CertificateFacts; readonly renewalTime: string }
  | {
      readonly state: 'Failing' | 'Waiting';
      readonly lastAttempt: LastAttempt;
      readonly nextAttempt: string;
      /** When the certificate in the Secret was due. */
      readonly renewalTime?: string;
    }
  | {
      readonly state: 'Paused';
      readonly lastAttempt?: LastAttempt;
      /** Absent: paused by a run that did not record it. */
      readonly gate?: GateReason;
    }
  | {
      readonly state: 'Decommissioning';
      readonly started: BundleDecommissionStarted;
      readonly blocked?: BlockedStep;
      /** Set once every step is done or given up. */
      readonly result?: BundleDecommissionResult;
    };

/** A bundle's facts and state, small enough to carry through continue-as-new. */
export type BundleRecord = BundleFacts & BundleState;

const NO_STATE = {
  state: undefined,
  lastAttempt: undefined,
  renewalTime: undefined,
  nextAttempt: undefined,
  gate: undefined,
  started: undefined,
  blocked: undefined,
  result: undefined,
};

/** The facts of a record, without what belongs to its state. */
export function factsOf(record: BundleRecord): BundleFacts {
  return { ...record, ...NO_STATE };
}

/** The last failed attempt, in the states that remember one. */
export function lastAttemptOf(record: BundleRecord): LastAttempt | undefined {
  return 'lastAttempt' in record ? record.lastAttempt : undefined;
}

/** When the certificate is, or was, due for renewal (RFC 3339). */
export function renewalTimeOf(record: BundleRecord): string | undefined {
  return 'renewalTime' in record ? record.renewalTime : undefined;
}

/** When a failed attempt is repeated (RFC 3339). */
export function nextAttemptOf(record: BundleRecord): string | undefined {
  if (record.state === 'Decommissioning') return record.blocked?.nextAttempt;
  return 'nextAttempt' in record ? record.nextAttempt : undefined;
}

/** What prevents a bundle's next step: the last attempt's failure, or what a decommission could not do. */
export function failureOf(record: BundleRecord): FailureInfo | undefined {
  if (record.state !== 'Decommissioning') return lastAttemptOf(record)?.failure;
  return record.blocked?.failure ?? record.result?.failures[0];
}

/** Whether its order waits for its turn at the budget of a CA, or did when its decommission started. */
export function waitsForTurn(record: BundleRecord): boolean {
  if (record.state === 'Decommissioning') return record.started.waitsForTurn === true;
  return lastAttemptOf(record)?.failure.code === 'rateLimit/newOrders';
}

/** Failed attempts at the bundle's next step. */
export function failedAttemptsOf(record: BundleRecord): number {
  const attempt = record.state === 'Decommissioning' ? record.blocked : lastAttemptOf(record);
  return attempt?.attempts ?? 0;
}

/** {@link reasonOf}, but of a bundle without a failure why its renewal waits, or that one was requested. */
export function shownReasonOf(record: BundleRecord): string {
  const { state, postponement, renewalRequest } = record;
  if (failureOf(record) !== undefined || state === 'Decommissioning') return reasonOf(record);
  if (postponement !== undefined && state === 'Ready') return postponement.reason;
  // One that was withdrawn needs no attention.
  const isShown = renewalRequest !== undefined && renewalRequest.withdrawnAt === undefined;
  return isShown ? renewalRequestReason(renewalRequest) : state;
}

/** The failure of a bundle, else its state, as a condition reason. */
export function reasonOf(record: BundleRecord): string {
  const failure = failureOf(record);
  return failure === undefined ? record.state : conditionReason(failure.code);
}
