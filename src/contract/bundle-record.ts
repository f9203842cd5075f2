/** What a cluster's workflow records about one bundle, and carries from run to run. Pure. */
import type { CertificateFacts, IssuedCertificate } from '../certificates/certificate-facts.ts';
import type { TxtRecord } from '../certificates/dns-name.ts';
import type { RenewalWindow } from '../certificates/renewal-window.ts';
import type { CertificateState } from '../certificates/status-report.ts';
import type { FailureInfo } from '../failures/failure.ts';
import type { RateLimitState } from '../rate-limit/exact-set-limit.ts';
import type { DecommissionRules, RevocationEntry } from './activities.ts';

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

/** When the end of a cluster began, and by which rules it goes. */
export interface DecommissionStarted extends DecommissionRules {
  /** RFC 3339. */
  readonly since: string;
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
