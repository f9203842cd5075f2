/** The activities on the management cluster's API server. */
import type { SecretObservation } from '../../certificates/certificate-facts.ts';
import type { RenewalPolicy } from '../../certificates/planned-renewal.ts';
import type { Postponement } from '../../certificates/postponement.ts';
import type { StatusReport } from '../../certificates/status-report.ts';
import type { ClusterIdentity, ObjectRef } from '../../clusters/cluster-identity.ts';
import type { FailureInfo } from '../../failures/failure.ts';
import type { DecommissionedBundle } from './acme.ts';
import type { BundleRef } from './bundle-ref.ts';

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
