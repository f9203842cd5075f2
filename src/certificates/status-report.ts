import type { CertificateFacts, Installation } from './certificate-facts.ts';
import type { RenewalWindow } from './renewal-window.ts';

/** The states of a certificate; also the search attribute `CertState`. */
export const CERTIFICATE_STATES = [
  'Pending',
  'Issuing',
  'Ready',
  'Renewing',
  'Failing',
  'Waiting',
  'Paused',
  'Decommissioning',
] as const;

/** One of {@link CERTIFICATE_STATES}. */
export type CertificateState = (typeof CERTIFICATE_STATES)[number];

/** A Kubernetes condition without lastTransitionTime, which the activity sets. */
export interface ReportedCondition {
  readonly type:
    | 'Ready'
    | 'Issuing'
    | 'Renewing'
    | 'Failing'
    | 'Paused'
    | 'Revoked'
    | 'ExpiryNear'
    | 'ObjectWriteFailing';
  readonly status: 'True' | 'False' | 'Unknown';
  /** CamelCase, stable. */
  readonly reason: string;
  readonly message: string;
}

/** The status of a bundle: composed by its workflow, written by `reportStatus`. Instants are RFC 3339. */
export interface StatusReport {
  readonly bundleName: string;
  readonly requestName: string;
  readonly secretName: string;
  readonly workflowId: string;
  readonly state: CertificateState;
  readonly conditions: readonly ReportedCondition[];
  /** metadata.generation of the CertificateRequest that the conditions are about; absent: not known. */
  readonly observedGeneration?: number;
  /** The certificate in the Secret. */
  readonly certificate?: CertificateFacts;
  /** Absent: certman did not install it. */
  readonly installation?: Installation;
  /** Directory host of the CA that issued it, if known. */
  readonly caHost?: string;
  /** The window that the CA suggests for this certificate, if it was signalled. */
  readonly suggestedWindow?: RenewalWindow;
  readonly renewalTime?: string;
  readonly nextAttempt?: string;
  readonly failedAttempts?: number;
  /** Recorded on the resources, once. */
  readonly event?: { readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly message: string };
}
