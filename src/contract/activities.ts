/**
 * The activities a workflow may call, by outside system: their names, inputs and results. Types only.
 * Every activity throws `ApplicationFailure` with `type` = a `FailureCode` and `details` = `[FailureInfo]`, and nothing else.
 * No input or result carries a private key, a credential or a challenge token.
 */
import type { CertificateFacts, IssuedCertificate, SecretObservation } from '../certificates/certificate-facts.ts';
import type { TxtRecord } from '../certificates/dns-name.ts';
import type { StatusReport } from '../certificates/status-report.ts';
import type { BundleView, ClusterIdentity, ClusterView, ObjectRef, ZoneTarget } from '../clusters/cluster-view.ts';
import type { FailureInfo } from '../failures/failure.ts';

/** An unanswered DNS-01 challenge (RFC 8555 §8.4). */
export interface PendingChallenge {
  /** The identifier without `*.`. */
  readonly identifier: string;
  readonly wildcard: boolean;
  readonly authorizationUrl: string;
  readonly challengeUrl: string;
  readonly record: TxtRecord;
}

/** Result of `placeOrder`: an order at the CA (RFC 8555 §7.1.3). */
export interface PlacedOrder {
  readonly orderUrl: string;
  /** RFC 3339. */
  readonly expires: string;
  /** Host of the CA's directory. */
  readonly caHost: string;
  /** Empty when every authorization is valid: nothing to publish. */
  readonly challenges: readonly PendingChallenge[];
  /** With `standaloneRequestUid`: one for each name; must be visible before the order is finalized. */
  readonly ownershipRecords?: readonly TxtRecord[];
}

/** Input of `placeOrder`. */
export interface PlaceOrderInput {
  readonly dnsNames: readonly string[];
  /** URL of an earlier order, which is resumed if it is still usable. */
  readonly resume?: string;
  /** `certId` of the certificate that a new order replaces (RFC 9773 §5); omitted when the CA rejects it. */
  readonly replaces?: string;
  /**
   * uid of a standalone CertificateRequest: its owner must prove control of every name. An authorization that the CA reuses
   * proves nothing, because it belongs to the account, which serves all clusters (RFC 8555 §7.4.1).
   */
  readonly standaloneRequestUid?: string;
}

/** Input of `answerChallenges`. */
export interface AnswerChallengesInput {
  readonly orderUrl: string;
  readonly challenges: readonly PendingChallenge[];
}

/** Input of `finalizeOrder`. */
export interface FinalizeOrderInput {
  readonly orderUrl: string;
  readonly dnsNames: readonly string[];
  readonly commonName?: string;
  /** The CertificateRequest, which owns the staging Secret. */
  readonly request: ObjectRef;
}

/** Input of `installCertificate`. */
export interface InstallCertificateInput {
  readonly orderUrl: string;
  readonly certificateUrl: string;
  readonly dnsNames: readonly string[];
  readonly request: ObjectRef;
  readonly secretName: string;
  /** Return a certificate in the Secret that the workflow did not issue, so that it can be revoked later. */
  readonly returnReplaced?: true;
}

/** Result of `installCertificate`. */
export interface InstalledCertificate extends CertificateFacts {
  /** With `returnReplaced`: the certificate that was in the Secret, if it had not expired and its key was there as well. */
  readonly replaced?: IssuedCertificate;
}

/** What `revokeCertificates` did with a certificate. */
export type RevocationOutcome =
  | 'revoked'
  | 'alreadyRevoked'
  | 'expired'
  | 'unknownToAccount'
  /** Not listed, and found in the Secret without its key: left valid. */
  | 'notIssuedHere'
  | 'missing';

/** One certificate of a revocation. */
export interface RevocationEntry {
  readonly serialNumber: string;
  readonly outcome: RevocationOutcome;
  readonly message: string;
}

/** Input of `revokeCertificates`. */
export interface RevokeCertificatesInput {
  /** The certificate in the Secret is revoked too, if it is listed or its key is there as well. */
  readonly namespace: string;
  readonly secretName: string;
  /** The CertificateRequest; the certificate in a Secret of another one is not revoked. */
  readonly requestName?: string;
  readonly issued: readonly IssuedCertificate[];
  /** URLs of orders whose certificate the CA may have issued but no attempt has downloaded. */
  readonly orders?: readonly string[];
  /** RFC 5280 §5.3.1 CRLReason; 5 = cessationOfOperation. */
  readonly reason: 0 | 1 | 4 | 5;
}

/** One outside system: the CA (RFC 8555). Some also read and write the Secrets with the keys, so that no key leaves the worker. */
export interface AcmeActivities {
  /** Resumes or places an order. */
  placeOrder(input: PlaceOrderInput): Promise<PlacedOrder>;
  /** Answers the challenges, and returns once every authorization is valid. */
  answerChallenges(input: AnswerChallengesInput): Promise<void>;
  /** Stages a key for the order, finalizes the order, and returns once the CA has issued. */
  finalizeOrder(input: FinalizeOrderInput): Promise<{ readonly certificateUrl: string }>;
  /** Writes the chain and the staged key to the Secret, and deletes the staging Secret. */
  installCertificate(input: InstallCertificateInput): Promise<InstalledCertificate>;
  /** Revokes every certificate that is still valid; fails until all are settled. */
  revokeCertificates(input: RevokeCertificatesInput): Promise<readonly RevocationEntry[]>;
}

/** Result of `publishTxtRecords`: what `verifyPropagation` needs to know about the zone. */
export interface PublishedRecords {
  readonly zoneId: string;
  /** Authoritative servers of the zone (host names), from its delegation set. */
  readonly nameServers: readonly string[];
}

/** One outside system: the DNS service of a zone. */
export interface DnsActivities {
  /**
   * Adds all values in one change, beside values of others, and returns once the change is live. A failure with
   * `outcomeUnknown` may have published the records.
   */
  publishTxtRecords(input: {
    readonly zone: ZoneTarget;
    readonly records: readonly TxtRecord[];
  }): Promise<PublishedRecords>;
  /** Removes exactly these values. A missing record, name or zone counts as done. */
  withdrawTxtRecords(input: { readonly zone: ZoneTarget; readonly records: readonly TxtRecord[] }): Promise<void>;
}

/** One outside system: the public DNS. */
export interface PropagationActivities {
  /** Returns once the authoritative servers and a quorum of DoH resolvers return every value. @throws `dns/notVisible` */
  verifyPropagation(input: {
    readonly records: readonly TxtRecord[];
    readonly zoneName: string;
    readonly nameServers: readonly string[];
  }): Promise<{ readonly seenBy: readonly string[] }>;
}

/** Input of `applyCertificateRequest`. */
export interface ApplyCertificateRequestInput {
  readonly cluster: ClusterView;
  readonly bundle: BundleView;
}

/** Input of `reportStatus`. */
export interface ReportStatusInput {
  readonly cluster: ClusterIdentity;
  readonly report: StatusReport;
}

/** Result of `applyCertificateRequest`: what a bundle's evaluation is based on. */
export interface RequestObservation {
  readonly request: ObjectRef;
  /** `spec.renewBeforeDays` as the user set it. */
  readonly renewBeforeDays?: number;
  readonly secret: SecretObservation;
  /** Directory host of the CA of the present account; absent while there is no usable account. */
  readonly caHost?: string;
}

/** What is done about a decommission that cannot be completed. */
export interface DecommissionRules {
  /** `release`: after the limit, the finalizer is removed anyway. `wait`: it is retried without limit. */
  readonly policy: 'wait' | 'release';
  /** Milliseconds from the start of the decommission. */
  readonly limitMs: number;
}

/** The objects of a bundle to remove from the API server. */
export interface RemoveBundleInput {
  readonly cluster: ClusterIdentity;
  readonly bundleName: string;
  readonly secretName: string;
  /** Its CertificateRequest; absent: named after the cluster and the bundle. */
  readonly requestName?: string;
}

/**
 * The result of removing certman's finalizer from a ClusterDeployment or a standalone request. `absent`: the object is gone, or
 * has no such finalizer. `kept`: a standalone request that is not being deleted keeps it.
 */
export type FinalizerOutcome = 'released' | 'absent' | 'kept';

/**
 * One outside system: the management cluster's API server. A standalone CertificateRequest takes the place of both
 * ClusterDeployment and request: certman writes its finalizer and status, and nothing else.
 */
export interface KubernetesActivities {
  /**
   * Adds the finalizer to the ClusterDeployment, applies the CertificateRequest (keeping the user's renewBeforeDays), reads the
   * Secret and restores its ownership, without touching its data.
   */
  applyCertificateRequest(input: ApplyCertificateRequestInput): Promise<RequestObservation>;
  /** Writes conditions and status of the CertificateRequest, the bundle's status on the ClusterDeployment, and an Event on both. */
  reportStatus(input: ReportStatusInput): Promise<void>;
  /** Deletes the Secret if certman owns it, the staging Secret and the CertificateRequest with its finalizer. Missing objects count as done. */
  removeBundle(input: RemoveBundleInput): Promise<{ readonly removed: readonly string[] }>;
  /**
   * Removes certman's finalizer from the ClusterDeployment, or from a standalone request that is being deleted.
   * @param failures what the decommission could not do: recorded as an Event on the object.
   */
  removeFinalizer(cluster: ClusterIdentity, failures?: readonly FailureInfo[]): Promise<FinalizerOutcome>;
  /** The rules of decommissions, from the worker's settings. */
  decommissionRules(): Promise<DecommissionRules>;
}

/**
 * Per kind of object (its plural), the resourceVersion up to which everything has been handled. Also the heartbeat details, so
 * that the next attempt resumes there.
 */
export type WatchCheckpoint = Readonly<Record<string, string>>;

/** The controller on the management cluster's API server. */
export interface WatchActivities {
  /**
   * Lists and watches until it is cancelled or its time limit passes, and returns its checkpoint. A retry resumes from the
   * last heartbeat, a first attempt from `resumeFrom`; without either, it lists.
   */
  watchManagementCluster(input: { readonly resumeFrom?: WatchCheckpoint }): Promise<WatchCheckpoint>;
}

/** Every activity, for proxies and for the worker. */
export interface Activities
  extends AcmeActivities,
    DnsActivities,
    PropagationActivities,
    KubernetesActivities,
    WatchActivities {}
