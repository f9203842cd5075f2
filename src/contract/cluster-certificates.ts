/**
 * How the outside talks to certman's workflows: ids, signals, updates, queries, search attributes, inputs and results.
 * Importable by clients (the watch, the CLI, tests) and by the workflows themselves; imports types and definitions only.
 */
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { CertificateFacts } from '../certificates/certificate-facts.ts';
import type { RenewalWindow } from '../certificates/renewal-window.ts';
import type { CertificateState } from '../certificates/status-report.ts';
import { type ClusterIdentity, type ClusterView, type ZoneTarget } from '../clusters/cluster-view.ts';
import type { FailureInfo } from '../failures/failure.ts';
import type { RateLimitState } from '../rate-limit/exact-set-limit.ts';
import type {
  DecommissionRules,
  FinalizerOutcome,
  IssuedCertificate,
  ObjectRef,
  RevocationEntry,
  TxtRecord,
  WatchCheckpoint,
} from './activities.ts';

/** The one task queue that every worker polls. */
export const TASK_QUEUE = 'certman';

export {
  certClusterOf,
  clusterWorkflowId,
  clusterWorkflowPrefixes,
  identityOfWorkflow,
  issuanceWorkflowId,
  watchWorkflowId,
  workflowIdPrefixesOf,
} from './ids.ts';

// Search attributes. SQL visibility has room for 10 Keyword and 3 each of the other types per namespace; a Keyword has at most 255 characters.
export const CertState = defineSearchAttributeKey('CertState', SearchAttributeType.KEYWORD);
export const CertCluster = defineSearchAttributeKey('CertCluster', SearchAttributeType.KEYWORD);
/** Of a cluster, what holds up its most urgent bundle, else its state; of an issuance, why it was ordered (`OrderReason`). */
export const CertReason = defineSearchAttributeKey('CertReason', SearchAttributeType.KEYWORD);
export const CertIssuer = defineSearchAttributeKey('CertIssuer', SearchAttributeType.KEYWORD);
/** Digest of the exact set of names, on issuances: what the CA's exact-set limit counts by. */
export const CertNameSet = defineSearchAttributeKey('CertNameSet', SearchAttributeType.KEYWORD);
export const CertNames = defineSearchAttributeKey('CertNames', SearchAttributeType.KEYWORD_LIST);
export const CertExpiry = defineSearchAttributeKey('CertExpiry', SearchAttributeType.DATETIME);
export const CertRenewAt = defineSearchAttributeKey('CertRenewAt', SearchAttributeType.DATETIME);

/** All of them, for registration. */
export const SEARCH_ATTRIBUTES = [
  CertState,
  CertCluster,
  CertReason,
  CertIssuer,
  CertNameSet,
  CertNames,
  CertExpiry,
  CertRenewAt,
] as const;

// --- clusterCertificates ---

/** The cluster as it is now, sent with signal-with-start whenever the watch sees that something in it changed. */
export const clusterObserved = defineSignal<[ClusterView]>('clusterObserved');
/** The ClusterDeployment is gone from the API although our finalizer was on it (somebody forced it). */
export const clusterGone = defineSignal('clusterGone');
/**
 * A ClusterDeployment, whose name is told, has turned out to be what a CertificateRequest belongs to that stood alone so far:
 * that cluster's workflow looks after its certificate now. Nothing is revoked or removed.
 */
export const requestClaimed = defineSignal<[{ readonly clusterDeployment: string }]>('requestClaimed');
/** Something outside the ClusterDeployment that a certificate depends on changed (account, credentials, zone, Secret): look again now. */
export const dependencyChanged = defineSignal<[{ readonly what: string }]>('dependencyChanged');
/** The CA suggests another time for the renewal of a bundle's certificate than the one it had suggested before (RFC 9773). */
export const renewalWindowChanged =
  defineSignal<[{ readonly bundleName: string; readonly window: RenewalWindow }]>('renewalWindowChanged');
/** A certificate is on its CA's list of the revoked (RFC 5280 §5): whatever its dates say, it is to be replaced. */
export const certificateRevoked =
  defineSignal<[{ readonly bundleName: string; readonly serialNumber: string }]>('certificateRevoked');
/**
 * An operator's order to let a cluster that is being deleted go without what cannot be done; of one that lives on, the bundles
 * that were taken out of it.
 */
export const release = defineUpdate<ReleaseResult>('release');
/** An operator's order to renew now. Answers when the new certificate is in its Secret, or with why not. */
export const renew = defineUpdate<readonly RenewedCertificate[], [RenewRequest]>('renew');
/** Where is this certificate, why, and what happens next. */
export const clusterStatus = defineQuery<ClusterStatus>('clusterStatus');

export interface RenewRequest {
  /** All bundles when absent. */
  readonly bundleName?: string;
}

export interface RenewedCertificate {
  readonly bundleName: string;
  readonly certificate: CertificateFacts;
}

export interface ReleaseResult {
  /** Whose end was let go: the cluster's with all its bundles, or that of single bundles of a cluster that lives on. */
  readonly of: 'cluster' | 'bundles';
  readonly bundleNames: readonly string[];
  /** What could not be done. */
  readonly failures: readonly FailureInfo[];
  /**
   * What became of the finalizer of a cluster that was let go, at the first try after the order. It cannot be given up: one that
   * is held up is tried again until it can be released.
   */
  readonly finalizer?: FinalizerOutcome | 'blocked';
  /** What holds the finalizer up. */
  readonly blockedBy?: FailureInfo;
}

/** A bundle's story so far, small enough to carry through continue-as-new. */
export interface BundleRecord {
  readonly state: CertificateState;
  /** One sentence for a person: what is going on and what happens next. */
  readonly message: string;
  /** Why the resources do not say so: what their API answered when it was last to be written there. */
  readonly statusWriteError?: string;
  readonly since: string;
  readonly secretName: string;
  readonly requestName: string;
  readonly dnsNames: readonly string[];
  readonly certificate?: CertificateFacts;
  /** Host of the directory of the CA that issued the certificate, where that is known. */
  readonly caHost?: string;
  /** What the CA last suggested for the certificate. */
  readonly suggestedWindow?: RenewalWindow;
  /** Serial number of a certificate that was found revoked. */
  readonly revokedSerialNumber?: string;
  readonly renewalTime?: string;
  /** As the user set it on the CertificateRequest. */
  readonly renewBeforeDays?: number;
  readonly failure?: FailureInfo;
  /** RFC 3339: when the last attempt failed. */
  readonly failedAt?: string;
  /** Host of the directory of the CA that the account named at that attempt, where that is known. */
  readonly failedCaHost?: string;
  readonly failedAttempts: number;
  readonly nextAttempt?: string;
  /** What was used of the limit on orders for one exact set of names. */
  readonly rateLimitState?: RateLimitState;
  /** An order that a failed attempt left open; the next attempt resumes it. */
  readonly openOrder?: string;
  /** Orders started so far; numbers the child workflows. */
  readonly orders: number;
  /** Certificates issued here that have not expired: all are revoked at the end. */
  readonly issued: readonly IssuedCertificate[];
  /** TXT records that an order could not withdraw in time; withdrawn with the next order, or at the end. */
  readonly leftoverRecords?: readonly TxtRecord[];
  /** Orders that the CA may have fulfilled without the certificate having come to its Secret: revoked at the end. */
  readonly unclaimedOrders?: readonly string[];
  /** Once its own end has begun, the cluster living on. */
  readonly decommissionStarted?: DecommissionStarted;
  /** Once its end is over. */
  readonly decommissionResult?: BundleDecommissionResult;
}

export interface ClusterStatus {
  readonly cluster: ClusterView;
  readonly decommissioning: boolean;
  /** Once the end has begun. */
  readonly decommissionStarted?: DecommissionStarted;
  readonly bundles: Readonly<Record<string, BundleRecord>>;
}

export interface ClusterCertificatesInput {
  readonly cluster: ClusterView;
  /** Absent from callers; filled when the workflow continues as new. */
  readonly carried?: CarriedState;
}

export interface CarriedState {
  readonly bundles: Readonly<Record<string, BundleRecord>>;
  /** What bundles that were taken out, and are cleared away, used of the limit on exact sets of names, by the bundles' names. */
  readonly rateLimitState?: Readonly<Record<string, RateLimitState>>;
  readonly gone: boolean;
  /** Once its end has begun. */
  readonly decommissionStarted?: DecommissionStarted;
}

/** When the end of a cluster began, and by which rules it goes. */
export interface DecommissionStarted extends DecommissionRules {
  /** RFC 3339. */
  readonly since: string;
}

/** The result of a cluster's workflow: what was done at the end. */
export interface DecommissionResult {
  readonly cluster: ClusterIdentity;
  readonly bundles: readonly BundleDecommissionResult[];
  /** Whether it holds nothing any more: taken off, or not there to be taken off. */
  readonly finalizerRemoved: boolean;
  /** What became of it, where that is known. */
  readonly finalizer?: FinalizerOutcome;
  /** The ClusterDeployment that a request turned out to belong to: everything was left to its workflow. */
  readonly claimedBy?: string;
}

/** What was done at the end of a bundle. */
export interface BundleDecommissionResult {
  readonly bundleName: string;
  readonly revocations: readonly RevocationEntry[];
  readonly removed: readonly string[];
  /** The first thing that could not be done, where there was anything. */
  readonly failure?: FailureInfo;
  /** Everything that could not be done, in order. */
  readonly failures?: readonly FailureInfo[];
}

// --- certificateIssuance ---

export interface CertificateIssuanceInput {
  readonly cluster: ClusterIdentity;
  readonly bundleName: string;
  readonly request: ObjectRef;
  readonly secretName: string;
  readonly dnsNames: readonly string[];
  readonly commonName?: string;
  readonly zone: ZoneTarget;
  /** Why it is ordered, in a sentence. */
  readonly reason: string;
  /** Left open by an earlier attempt. */
  readonly resumeOrder?: string;
  /** Left in the zone by an earlier attempt; withdrawn with this one's. */
  readonly leftoverRecords?: readonly TxtRecord[];
  /** `certId` of the certificate that this one replaces (RFC 9773 §5). */
  readonly replaces?: string;
  /** The Secret holds a certificate that was not issued here. */
  readonly returnReplaced?: true;
}

export interface CertificateIssuanceResult {
  readonly certificate: CertificateFacts;
  readonly issued: IssuedCertificate;
  /** The certificate that was in the Secret before and that nobody here had issued. */
  readonly replaced?: IssuedCertificate;
  readonly caHost: string;
  readonly orderUrl: string;
  readonly leftoverRecords?: readonly TxtRecord[];
}

/** `details[1]` of the failure of an issuance. */
export interface IssuanceFailureContext {
  /** The order that the next attempt should resume, when it is still open. */
  readonly openOrder?: string;
  /** Records that could not be withdrawn. */
  readonly leftoverRecords?: readonly TxtRecord[];
  /** The order, when the CA may have issued a certificate that did not come to its Secret. */
  readonly unclaimedOrder?: string;
}

/** Type of the failure of an issuance that was cancelled and left something behind, or an order open. Another one is just cancelled. */
export const CANCELLED_WITH_LEFTOVERS = 'issuance/cancelledWithLeftovers';

// --- managementClusterWatch ---

/** Sent by the watch's activity when it begins: who watches from now on. */
export const watchTakenOver = defineSignal<[{ readonly worker: string }]>('watchTakenOver');
export const watchStatus = defineQuery<WatchStatus>('watchStatus');

export interface ManagementClusterWatchInput {
  /** Name of the hub. */
  readonly managementCluster: string;
  /** Absent from callers; filled when the workflow continues as new. */
  readonly carried?: {
    readonly resumeFrom?: WatchCheckpoint;
    readonly watching?: WatchHolder;
    readonly takeovers: number;
  };
}

export interface WatchHolder {
  /** Name of the worker (its pod). */
  readonly worker: string;
  /** RFC 3339. */
  readonly since: string;
}

export interface WatchStatus {
  readonly holder?: WatchHolder;
  /** How often the watch has changed hands, over all runs. */
  readonly takeovers: number;
  /** Why the last attempt ended, when it failed. */
  readonly lastFailure?: string;
}
