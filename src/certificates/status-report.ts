/**
 * What is said about a bundle, once, in the words that the CertificateRequest's status, the Events, the Web UI and the CLI
 * all show. Written by the workflow, put on the resources by the `reportStatus` activity. Pure types.
 */
import type { CertificateFacts } from './certificate-facts.ts';
import type { RenewalWindow } from './renewal-window.ts';

/** The states in which a certificate can be; also the search attribute `CertState`. */
export type CertificateState =
  | 'Pending'
  | 'Issuing'
  | 'Ready'
  | 'Renewing'
  | 'Failing'
  | 'Waiting'
  | 'Paused'
  | 'Decommissioning';

/** A Kubernetes condition without its times; the activity keeps lastTransitionTime when the status did not change. */
export interface ReportedCondition {
  readonly type: 'Ready' | 'Renewing' | 'Failing' | 'ExpiryNear';
  readonly status: 'True' | 'False' | 'Unknown';
  /** CamelCase, stable. */
  readonly reason: string;
  readonly message: string;
}

export interface StatusReport {
  readonly bundleName: string;
  readonly requestName: string;
  readonly secretName: string;
  readonly workflowId: string;
  readonly state: CertificateState;
  readonly conditions: readonly ReportedCondition[];
  /** The certificate in the Secret, when there is one. */
  readonly certificate?: CertificateFacts;
  /** Host of the directory of the CA that issued it, where that is known. */
  readonly caHost?: string;
  /** The window that the CA suggests for this certificate, as far as it was ever of consequence. */
  readonly suggestedWindow?: RenewalWindow;
  /** RFC 3339: when it will be renewed. */
  readonly renewalTime?: string;
  /** RFC 3339: when a failed attempt is repeated. */
  readonly nextAttempt?: string;
  readonly failedAttempts?: number;
  /** Issued certificates are announced and counted once, by this. */
  readonly event?: { readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly message: string };
}
