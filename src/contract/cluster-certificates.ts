/** Messages, input and result of `clusterCertificates`, the workflow of a cluster or of a standalone request. */
import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { CertificateFacts, IssuedCertificate } from '../certificates/certificate-facts.ts';
import type { RenewalRequest } from '../certificates/renewal-request.ts';
import type { RenewalWindow } from '../certificates/renewal-window.ts';
import type { RequestedRevocation } from '../certificates/requested-revocation.ts';
import type { ClusterIdentity } from '../clusters/cluster-identity.ts';
import type { ClusterView } from '../clusters/cluster-view.ts';
import type { FailureInfo } from '../failures/failure.ts';
import type { RateLimitState } from '../rate-limit/exact-set-limit.ts';
import type { FinalizerOutcome } from './activities/kubernetes.ts';
import type { BundleDecommissionResult, BundleRecord, DecommissionStarted } from './bundle-record.ts';

/** The cluster as it is now; sent with signal-with-start when the controller sees a change of its view. */
export const clusterObserved = defineSignal<[ClusterView]>('clusterObserved');
/** The object is gone from the API although it had certman's finalizer: a person removed the finalizer. */
export const clusterGone = defineSignal('clusterGone');
/** The ClusterDeployment's workflow manages this request's certificate from now on. Nothing is revoked or removed. */
export const requestClaimed = defineSignal<[RequestClaim]>('requestClaimed');
/** From the workflow of a claimed request: certificates that its Secret does not hold, to be revoked at decommission. */
export const certificatesHandedOver = defineSignal<[HandedOverCertificates]>('certificatesHandedOver');
/** A dependency of the certificates changed (account, credentials, zone, Secret): re-evaluate now. */
export const dependencyChanged = defineSignal<[{ readonly what: string }]>('dependencyChanged');
/** The CA moved the renewal window of a bundle's certificate (RFC 9773). */
export const renewalWindowChanged = defineSignal<[MovedWindow]>('renewalWindowChanged');
/** The budget of the CA has moved the instant of an order that waits for it. */
export const orderMoved = defineSignal<[OrderMove]>('orderMoved');
/** A certificate is on its CA's revocation list (RFC 5280 §5) and must be replaced. */
export const certificateRevoked = defineSignal<[RevokedCertificate]>('certificateRevoked');
/** Gives up what the decommission of a deleted cluster, else of removed bundles, cannot do; returns once it is over. */
export const release = defineUpdate<ReleaseResult>('release');
/** Renews now. Returns when the new certificate is in its Secret, and fails with the failure of the attempt. */
export const renew = defineUpdate<readonly RenewedCertificate[], [RenewRequest]>('renew');
/** The state of each bundle, the reason, and what happens next. */
export const clusterStatus = defineQuery<ClusterStatus>('clusterStatus');

/** Argument of `requestClaimed`. */
export interface RequestClaim {
  readonly clusterDeployment: string;
  /** Of the ClusterDeployment; absent when it is not known. */
  readonly uid?: string;
}

/** Argument of `certificatesHandedOver`. */
export interface HandedOverCertificates {
  /** Name of the CertificateRequest. */
  readonly requestName: string;
  readonly issued: readonly IssuedCertificate[];
  /** As in the record of a bundle. */
  readonly unclaimedOrders: readonly string[];
  /** What operators have requested, and is pending; absent: nothing is. */
  readonly requests?: HandedOverRequests;
}

/** As in the record of a bundle. */
export interface HandedOverRequests {
  readonly renewalRequest?: RenewalRequest;
  readonly revocations: readonly RequestedRevocation[];
}

/** Argument of `renewalWindowChanged`. */
export interface MovedWindow {
  readonly bundleName: string;
  readonly window: RenewalWindow;
}

/** Argument of `certificateRevoked`. */
export interface RevokedCertificate {
  readonly bundleName: string;
  readonly serialNumber: string;
}

/** Argument of `orderMoved`. */
export interface OrderMove {
  readonly bundleName: string;
  /** RFC 3339. */
  readonly at: string;
  /** Of the failure that the bundle shows while it waits. */
  readonly message: string;
  readonly remedy: string;
}

/** Argument of `renew`. */
export interface RenewRequest {
  /** Absent: all bundles. */
  readonly bundleName?: string;
  /** Also where the limit of certificates for exactly these names is used up: the CA decides. */
  readonly exceedLimit?: true;
}

/** A bundle's new certificate. */
export interface RenewedCertificate {
  readonly bundleName: string;
  readonly certificate: CertificateFacts;
}

/** Result of `release`. */
export interface ReleaseResult {
  /** `bundles`: single bundles of a cluster that is not being deleted. */
  readonly of: 'cluster' | 'bundles';
  readonly bundleNames: readonly string[];
  readonly failures: readonly FailureInfo[];
  /** Of the first attempt after a cluster's release. The removal cannot be given up: while blocked, it is retried. */
  readonly finalizer?: FinalizerOutcome | 'blocked';
  readonly blockedBy?: FailureInfo;
}

/** Result of the query `clusterStatus`. */
export interface ClusterStatus {
  readonly cluster: ClusterView;
  readonly decommissioning: boolean;
  readonly decommissionStarted?: DecommissionStarted;
  readonly bundles: Readonly<Record<string, BundleRecord>>;
}

/** Input of the workflow. */
export interface ClusterCertificatesInput {
  readonly cluster: ClusterView;
  /** Set by continue-as-new only. */
  readonly carried?: CarriedState;
  /** Those of `givenPatches` that the run has without a marker, and its next runs; absent: of an earlier version. */
  readonly patches?: readonly string[] | undefined;
}

/** State of a run that the next run continues with. */
export interface CarriedState {
  readonly bundles: Readonly<Record<string, BundleRecord>>;
  /** Rate limit use of bundles that have been decommissioned, by bundle name. */
  readonly rateLimitState?: Readonly<Record<string, RateLimitState>>;
  readonly gone: boolean;
  readonly decommissionStarted?: DecommissionStarted;
}

/** Result of the workflow: what its decommission did. */
export interface DecommissionResult {
  readonly cluster: ClusterIdentity;
  readonly bundles: readonly BundleDecommissionResult[];
  /** Whether certman's finalizer no longer blocks the deletion: it was removed, or was not there. */
  readonly finalizerRemoved: boolean;
  readonly finalizer?: FinalizerOutcome;
  /** The ClusterDeployment that claimed a standalone request: its workflow manages everything from then on. */
  readonly claimedBy?: string;
}
