/**
 * Activities by outside system. They throw only `ApplicationFailure` of a `FailureCode`, with details `[FailureInfo]`.
 * No input or result carries a private key, a credential or a challenge token. No input is trusted: who can write to the
 * Temporal namespace can start any activity. Each acts on what the object on the management cluster asks for, read by
 * uid, and on what an earlier activity sealed for that object; it refuses the rest with `kubernetes/notAskedFor`.
 */
import type { CertificateFacts, IssuedCertificate, SecretObservation } from '../certificates/certificate-facts.ts';
import type { CrlReason } from '../certificates/crl-reason.ts';
import type { TxtRecord } from '../certificates/dns-name.ts';
import type { RenewalPolicy } from '../certificates/planned-renewal.ts';
import type { Postponement } from '../certificates/postponement.ts';
import type { RenewalWindow } from '../certificates/renewal-window.ts';
import type { StatusReport } from '../certificates/status-report.ts';
import type { ClusterIdentity, ObjectRef } from '../clusters/cluster-identity.ts';
import type { ZoneTarget } from '../clusters/zone-target.ts';
import type { FailureInfo } from '../failures/failure.ts';

/** A bundle of a cluster, or the only one of a standalone request. */
export interface BundleRef {
  readonly cluster: ClusterIdentity;
  readonly bundleName: string;
}

/** Where a TXT record is put that CNAMEs delegate (RFC 8555 §8.4). */
export interface TxtRecordPlace {
  /** The name that they lead to, normalized. */
  readonly name: string;
  /** The zone that it is in: the cluster's own, or the challenge zone. */
  readonly zoneName: string;
  /** Reached with the credentials of the challenge zone, not with the cluster's. */
  readonly challengeZone?: true;
}

/** A TXT record with the seal of `placeOrder`, or an ownership record of a standalone request, which needs none. */
export interface SealedTxtRecord extends TxtRecord {
  /** Absent: at its own name, in the zone of the cluster. The seal covers it. */
  readonly at?: TxtRecordPlace;
  readonly seal?: string;
  /** The value that stands beside it in DNS and shows that certman wrote it. Vouches for itself: the seal does not cover it. */
  readonly owner?: string;
  /** Stays in DNS after its order, for those to come (`dns-persist-01`). */
  readonly persistent?: true;
  /** An earlier order published it: it is published again only where DNS does not have it any more. */
  readonly published?: true;
  /** Of an ownership record, which gets its owner tag when it is published: until when an order can need it (RFC 3339). */
  readonly expires?: string;
}

/** Of `verifyPropagation`: a standalone request controls its names. */
export interface OwnershipProof {
  /** RFC 3339. */
  readonly verifiedAt: string;
  readonly seal: string;
}

/** An unanswered DNS-01 challenge (RFC 8555 §8.4). */
export interface PendingChallenge {
  /** The identifier without `*.`. */
  readonly identifier: string;
  readonly wildcard: boolean;
  readonly authorizationUrl: string;
  readonly challengeUrl: string;
  /** Of the account key that the value of the record was made with (RFC 7638). */
  readonly keyThumbprint?: string;
  readonly record: SealedTxtRecord;
  readonly seal?: string;
}

/** Result of `placeOrder`: an order at the CA (RFC 8555 §7.1.3). `expires` is RFC 3339. */
export interface PlacedOrder {
  /** With its seal (`sealed-url.ts`). */
  readonly orderUrl: string;
  readonly expires: string;
  readonly caHost: string;
  /** Empty when every authorization is valid. */
  readonly challenges: readonly PendingChallenge[];
  /** Why it is at a fallback CA, in a sentence; absent: it is at the first. */
  readonly failover?: string;
  /** It is at the staging CA: it is proved (`proveOrder`), and never completed. */
  readonly proof?: true;
}

/** The instant that an earlier attempt had to wait for (RFC 3339), and by which limit. */
export interface OrderTurn {
  readonly code: 'rateLimit/newOrders' | 'rateLimit/namespace';
  readonly at: string;
}

/** Input of `placeOrder`. */
export interface PlaceOrderInput extends BundleRef {
  /** Directory host of the CA that the order was decided for; with an account of another one, nothing is ordered. */
  readonly caHost?: string;
  readonly dnsNames: readonly string[];
  /** URL of an earlier order, which is resumed if it is still usable. */
  readonly resume?: string;
  /** `certId` of the certificate that a new order replaces (RFC 9773 §5); omitted when the CA rejects it. */
  readonly replaces?: string;
  /** Renews a certificate of this CA for the same names, which its limits for new orders exempt. */
  readonly renewal?: true;
  /** Replaces a certificate in use, of whichever CA: the order goes before those of new clusters. */
  readonly inUse?: true;
  readonly turn?: OrderTurn;
  /** Fallback CAs whose limit for these names is used up. */
  readonly limitedCas?: readonly string[];
  /** A certificate in use expires soon or is gone: the order goes before others, and a failing CA is waited for less long. */
  readonly urgent?: true;
  /** When the certificate in use is nearer to its expiry (RFC 3339): an order that waits for its turn asks again then. */
  readonly moreUrgentAt?: string;
  /** Of the certificates for these names, as far as is known (milliseconds): the bound of their orders follows from it. */
  readonly lifetimeMs?: number;
  /** The last order failed at the CA: with a staging CA, this one is placed there, with `proof`. */
  readonly proveFirst?: true;
  /** A person orders although the bound for these names is reached. */
  readonly exceedLimit?: true;
  /** The CA's renewal window of `replaces` is open: its limits exempt the order. */
  readonly inWindow?: true;
  /** Required for a standalone request. */
  readonly ownershipProof?: OwnershipProof;
}

/** Input of `answerChallenges`. */
export type AnswerChallengesInput = BundleRef & Pick<PlacedOrder, 'orderUrl' | 'challenges'>;

/** Input of `proveOrder`. */
export interface ProveOrderInput extends AnswerChallengesInput {
  readonly dnsNames: readonly string[];
  readonly commonName?: string;
  /** Required for a standalone request. */
  readonly ownershipProof?: OwnershipProof;
}

/** Input of `finalizeOrder`. */
export interface FinalizeOrderInput extends BundleRef {
  readonly orderUrl: string;
  readonly dnsNames: readonly string[];
  readonly commonName?: string;
  /** The CertificateRequest, which owns the staging Secret. */
  readonly request: ObjectRef;
  /** Required for a standalone request. */
  readonly ownershipProof?: OwnershipProof;
}

/** Input of `installCertificate`. */
export interface InstallCertificateInput extends Omit<FinalizeOrderInput, 'commonName' | 'ownershipProof'> {
  readonly certificateUrl: string;
  readonly secretName: string;
  /** Install it at once, also where its issuer is new to the fleet: the certificate in use serves no more, or soon. */
  readonly skipCanary?: true;
  /** The Secret did not exist when it was last read: it is created without another read. */
  readonly secretMissing?: true;
  /** Return a certificate in the Secret that the workflow did not issue, so that it can be revoked later. */
  readonly returnReplaced?: true;
  /** Return the window that the CA suggests for the renewal of the certificate (RFC 9773), if it does at once. */
  readonly returnWindow?: true;
}

/** Result of `installCertificate`. */
export interface InstalledCertificate extends CertificateFacts {
  /** With `returnReplaced`: the certificate that was in the Secret, if it had not expired and its key was there. */
  readonly replaced?: IssuedCertificate;
  /** With `returnWindow`. */
  readonly suggestedWindow?: RenewalWindow;
  /** For the entry in `issued`. */
  readonly seal?: string;
}

/** What `revokeCertificates` did with a certificate. */
export interface RevocationEntry {
  readonly serialNumber: string;
  /**
   * Left valid: `notIssuedHere`, not listed, and found in the Secret without its key; `notOwned`, found in a Secret that
   * is not the bundle's, or no longer, and so in use.
   */
  readonly outcome:
    | 'revoked'
    | 'alreadyRevoked'
    | 'expired'
    | 'unknownToAccount'
    | 'notIssuedHere'
    | 'notOwned'
    | 'missing';
  readonly message: string;
}

/** A bundle whose decommission revokes certificates and deletes objects: those that are its own, by uid. */
export interface DecommissionedBundle extends BundleRef {
  readonly secretName: string;
  /** Its CertificateRequest; absent: named after the cluster and the bundle. */
  readonly requestName?: string;
  /** Of the CertificateRequest as the bundle last had it; absent when it never had one. */
  readonly requestUid?: string;
}

/** Input of `revokeCertificates`. The certificate in the Secret is revoked too, if it is listed or its key is there. */
export interface RevokeCertificatesInput extends DecommissionedBundle {
  readonly issued: readonly IssuedCertificate[];
  /** URLs of orders whose certificate the CA may have issued but no attempt has downloaded. */
  readonly orders?: readonly string[];
  /** RFC 5280 §5.3.1 CRLReason; 5 = cessationOfOperation. */
  readonly reason: CrlReason;
}

/** Input of `revokeRequested`. */
export interface RevokeRequestedInput extends BundleRef {
  readonly secretName: string;
  /** Those of the bundle. */
  readonly dnsNames: readonly string[];
  /** Its CertificateRequest, whose annotation names the certificate. */
  readonly requestName: string;
  /** Of the certificate in the Secret. */
  readonly serialNumber: string;
  /** With the seal of `installCertificate`; absent: it was adopted, and its key shows that it may be revoked. */
  readonly certificate?: IssuedCertificate | undefined;
  readonly reason: CrlReason;
}

/** Input of `revokeReplaced`. */
export interface RevokeReplacedInput extends BundleRef {
  readonly secretName: string;
  /** Those of the bundle. */
  readonly dnsNames: readonly string[];
  /** With the seal of `installCertificate`. */
  readonly certificate: IssuedCertificate;
  /** RFC 5280 §5.3.1 CRLReason. */
  readonly reason: CrlReason;
  /** Revokes nothing while the cluster is seen to serve another certificate than that of the Secret. */
  readonly unlessStillServed?: true;
}

/** Result of `revokeReplaced`: not revoked yet, because clients still see another one. */
export interface StillServed {
  readonly outcome: 'stillServed';
  /** Why, as sentences. */
  readonly message: string;
}

/** The CA (RFC 8555). Some also read and write the Secrets with the keys, so that no key leaves the worker. */
export interface AcmeActivities {
  placeOrder(input: PlaceOrderInput): Promise<PlacedOrder>;
  /** Returns once every authorization is valid. */
  answerChallenges(input: AnswerChallengesInput): Promise<void>;
  /** Answers the challenges of an order at the staging CA and finalizes it. Nothing of it is kept. */
  proveOrder(input: ProveOrderInput): Promise<void>;
  /** Stages a key for the order, finalizes the order, and returns once the CA has issued. */
  finalizeOrder(input: FinalizeOrderInput): Promise<{ readonly certificateUrl: string }>;
  /** Writes the chain and the staged key to the Secret, and deletes the staging Secret. */
  installCertificate(input: InstallCertificateInput): Promise<InstalledCertificate>;
  /** Revokes every certificate that is still valid; fails until all are settled. */
  revokeCertificates(input: RevokeCertificatesInput): Promise<readonly RevocationEntry[]>;
  /** Revokes one that another, valid one has replaced in the Secret of a bundle that is served. */
  revokeReplaced(input: RevokeReplacedInput): Promise<RevocationEntry | StillServed>;
  /** Revokes the one in use, which an annotation of the CertificateRequest names. */
  revokeRequested(input: RevokeRequestedInput): Promise<RevocationEntry>;
  /** Releases the turn that an order of the bundle waits for at the budgets of the CAs. Does not fail where one is not reached. */
  releaseTurn(bundle: BundleRef): Promise<void>;
}

/** Input of `publishTxtRecords` and `withdrawTxtRecords`. */
export interface TxtRecordsInput {
  readonly cluster: ClusterIdentity;
  readonly zone: ZoneTarget;
  readonly records: readonly SealedTxtRecord[];
}

/** Input of `publishTxtRecords`. */
export interface PublishTxtRecordsInput extends TxtRecordsInput {
  /** RFC 3339: when the order began to wait for its publication; absent: with this activity. */
  readonly waitingSince?: string;
}

/** A zone that records were published in, as `verifyPropagation` needs it. */
export interface PublishedZone {
  /** Empty: no record was for this zone. */
  readonly zoneId: string;
  /** Authoritative servers of the zone (host names), from its delegation set. */
  readonly nameServers: readonly string[];
  /** For `verifyPropagation`. */
  readonly seal?: string;
}

/** Result of `publishTxtRecords`: the zone of the cluster, and the challenge zone where records are delegated to it. */
export interface PublishedRecords extends PublishedZone {
  readonly challengeZone?: PublishedZone;
}

/** The DNS service of a zone. */
export interface DnsActivities {
  /**
   * Adds all values in one change, beside others; returns once live. `outcomeUnknown`: they may be published.
   * @throws `dns/queued` when it is the turn of others for minutes: again at `notBefore`, with `waitingSince`.
   */
  publishTxtRecords(input: PublishTxtRecordsInput): Promise<PublishedRecords>;
  /** Removes exactly these values. A missing record, name or zone counts as done. */
  withdrawTxtRecords(input: TxtRecordsInput): Promise<void>;
}

/** Input of `verifyPropagation`. */
export interface VerifyPropagationInput extends Pick<PublishedZone, 'nameServers' | 'seal'> {
  /** Servers of the challenge zone; absent: only resolvers show what is there. */
  readonly challengeZone?: Pick<PublishedZone, 'nameServers' | 'seal'>;
  readonly cluster: ClusterIdentity;
  readonly zoneName: string;
  readonly records: readonly SealedTxtRecord[];
  /** Names of a standalone request, whose ownership records are among `records`. */
  readonly ownershipOf?: readonly string[];
}

/** Result of `verifyPropagation`. */
export interface VerifiedPropagation {
  readonly seenBy: readonly string[];
  /** With `ownershipOf`, for `placeOrder` and `finalizeOrder`. */
  readonly ownershipProof?: OwnershipProof;
}

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

/** The public DNS. */
export interface PropagationActivities {
  /** Returns once authoritative servers and a quorum of DoH resolvers return every value. @throws `dns/notVisible` */
  verifyPropagation(input: VerifyPropagationInput): Promise<VerifiedPropagation>;
}

/** Input of `applyCertificateRequest`. */
export interface ApplyCertificateRequestInput extends BundleRef {
  /** Of the bundle's CertificateRequest as last observed: none other is written to unseen. */
  readonly requestUid?: string;
  /** As of {@link BundleToEvaluate}. */
  readonly planBy?: KnownFacts;
}

/** What a bundle's workflow knows of its certificate that decides whether something is due. */
export interface KnownFacts extends Pick<StatusReport, 'caHost' | 'suggestedWindow' | 'installation'> {
  /** Of the certificate; absent: `renew-before`. */
  readonly renewalPolicy?: RenewalPolicy;
  readonly revokedSerialNumber?: string;
  /** Of the certificate in the Secret as last observed. */
  readonly fingerprint?: string;
  /** The turn of its renewal to restart the kube-apiserver (RFC 3339). */
  readonly restartTurn?: string;
  /** What its renewal was postponed by before. */
  readonly postponement?: Pick<Postponement, 'reason' | 'until'>;
}

/** A bundle to evaluate. */
export interface BundleToEvaluate extends Pick<ApplyCertificateRequestInput, 'bundleName' | 'requestUid'> {
  /** Absent: nothing is reported. */
  readonly known?: KnownFacts;
  /** Instead of `known`, where nothing is to be reported: whether a planned renewal is postponed depends on it. */
  readonly planBy?: KnownFacts;
}

/** Input of `applyCertificateRequests`. */
export interface ApplyCertificateRequestsInput {
  readonly cluster: ClusterIdentity;
  readonly bundles: readonly BundleToEvaluate[];
}

/** Input of `evaluateInFirstTask`. */
export interface EvaluateInFirstTaskInput extends ApplyCertificateRequestsInput {
  /** When it has ended (epoch milliseconds), by the start of the workflow task. */
  readonly deadline: number;
}

/** Input of `reportStatus`. */
export interface ReportStatusInput {
  readonly cluster: ClusterIdentity;
  readonly report: StatusReport;
  /** Its order waits for its turn, which is released: the cluster is paused. */
  readonly releasesTurn?: true;
}

/** Result of `applyCertificateRequest`: what a bundle's evaluation is based on. */
export interface RequestObservation {
  readonly request: ObjectRef;
  /** metadata.generation of the request. */
  readonly generation?: number;
  /** `spec.renewBeforeDays` as the user set it. */
  readonly renewBeforeDays?: number;
  /** By the request's annotation or the worker's setting; absent: `renew-before`. */
  readonly renewalPolicy?: RenewalPolicy;
  /** Why the annotation does not count, as a clause. */
  readonly renewalPolicyProblem?: string;
  readonly secret: SecretObservation;
  /** Directory host of the CA of the present account; absent while there is no usable account. */
  readonly caHost?: string;
  /** Those of the CAs that orders go to while the ones before fail; absent: there are none. */
  readonly fallbackCaHosts?: readonly string[];
  /** The worker's settings allow that CA to replace certificates of others. */
  readonly caChangeAllowed?: true;
  /** Directory host of the CA that issued the bundle's last certificate, as the request's status has it. */
  readonly issuedByCaHost?: string;
  /** Why the finalizer or the request could not be written; only with a certificate in the Secret. */
  readonly writeError?: FailureInfo;
  /** A planned renewal is due, and waits. */
  readonly postponement?: Postponement;
  /** A planned renewal is due, and has this turn to restart the kube-apiserver (RFC 3339). */
  readonly restartTurn?: string;
  /** Digest of the status that was written at once, because nothing is due (`status-report.ts`). */
  readonly reported?: string;
}

/** What is done about a decommission that cannot be completed. */
export interface DecommissionRules {
  /** `release`: after the limit, the finalizer is removed anyway. `wait`: it is retried without limit. */
  readonly policy: 'wait' | 'release';
  /** Milliseconds from the start of the decommission. */
  readonly limitMs: number;
}

/** Input of `removeBundle`. */
export interface RemoveBundleInput extends DecommissionedBundle {
  /** Its order waits for its turn, which is released. */
  readonly waitsForTurn?: true;
}

/** Result of removing the finalizer. `absent`: it or the object is gone. `kept`: the object is not being deleted. */
export type FinalizerOutcome = 'released' | 'absent' | 'kept';

/** The management cluster's API server. Of a standalone request, certman writes its finalizer and status only. */
export interface KubernetesActivities {
  /** Adds a missing finalizer, applies the request (not renewBeforeDays), reads the Secret, restores its owner only. */
  applyCertificateRequest(input: ApplyCertificateRequestInput): Promise<RequestObservation>;
  /**
   * As `applyCertificateRequest`, for bundles of one cluster together, by bundle name; writes the status of those of which
   * nothing is due. A bundle that fails, or takes long, among others is left out: `applyCertificateRequest` shows why.
   */
  applyCertificateRequests(input: ApplyCertificateRequestsInput): Promise<Readonly<Record<string, RequestObservation>>>;
  /**
   * As `applyCertificateRequests`, as a local activity: within some seconds, or not at all. @returns undefined where this worker
   * has not the time.
   */
  evaluateInFirstTask(
    input: EvaluateInFirstTaskInput,
  ): Promise<Readonly<Record<string, RequestObservation>> | undefined>;
  /** Writes the status to the CertificateRequest and the ClusterDeployment, and an Event to both. */
  reportStatus(input: ReportStatusInput): Promise<void>;
  /** Deletes Secret (if owned), staging Secret, CertificateRequest with its finalizer. Missing ones count as done. */
  removeBundle(input: RemoveBundleInput): Promise<{ readonly removed: readonly string[] }>;
  /** @param failures what the decommission could not do: recorded as an Event on the object. */
  removeFinalizer(cluster: ClusterIdentity, failures?: readonly FailureInfo[]): Promise<FinalizerOutcome>;
  /** The rules of decommissions, from the worker's settings. */
  decommissionRules(): Promise<DecommissionRules>;
}

/** Per kind (its plural), the resourceVersion up to which all is handled; the heartbeat details, to resume there. */
export type WatchCheckpoint = Readonly<Record<string, string>>;

/** The controller on the management cluster's API server. */
export interface WatchActivities {
  /** Runs until cancelled or out of time. Resumes at the last heartbeat (at first: `resumeFrom`), else lists. */
  watchManagementCluster(input: { readonly resumeFrom?: WatchCheckpoint }): Promise<WatchCheckpoint>;
}

/** Every activity, for proxies and for the worker. */
export interface Activities
  extends AcmeActivities,
    DnsActivities,
    PropagationActivities,
    OrderActivities,
    KubernetesActivities,
    WatchActivities {}
