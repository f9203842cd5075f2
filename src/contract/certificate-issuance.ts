import type { CertificateFacts, IssuedCertificate } from '../certificates/certificate-facts.ts';
import type { RenewalWindow } from '../certificates/renewal-window.ts';
import type { ClusterIdentity, ObjectRef } from '../clusters/cluster-identity.ts';
import type { ZoneTarget } from '../clusters/zone-target.ts';
import type { OrderTurn } from './activities/acme.ts';
import type { ReportTerms } from './activities/order.ts';
import type { SealedTxtRecord } from './activities/txt-records.ts';

/** Input of `certificateIssuance`, the workflow of one order. */
export interface CertificateIssuanceInput {
  readonly cluster: ClusterIdentity;
  readonly bundleName: string;
  readonly request: ObjectRef;
  readonly secretName: string;
  readonly dnsNames: readonly string[];
  readonly commonName?: string;
  readonly zone: ZoneTarget;
  /** Directory host of the CA to order from; empty: there was no usable account. */
  readonly caHost: string;
  /** Why it is ordered, in a sentence. */
  readonly reason: string;
  /** URL of an order that an earlier attempt left open. */
  readonly resumeOrder?: string;
  /** Records that an earlier attempt left in the zone: withdrawn with this one's. */
  readonly leftoverRecords?: readonly SealedTxtRecord[];
  /** Records that earlier orders left in the zone for this one (`dns-persist-01`). */
  readonly persistentRecords?: readonly SealedTxtRecord[];
  /** `certId` of the certificate that this one replaces (RFC 9773 §5). */
  readonly replaces?: string;
  /** As for `placeOrder`. */
  readonly renewal?: true;
  readonly inUse?: true;
  readonly lifetimeMs?: number;
  readonly proveFirst?: true;
  readonly exceedLimit?: true;
  readonly inWindow?: true;
  readonly turn?: OrderTurn;
  readonly limitedCas?: readonly string[];
  /** A certificate in use expires soon or is gone: the order does not wait behind others. */
  readonly urgent?: true;
  /** As for `placeOrder`. */
  readonly moreUrgentAt?: string;
  /** As for `completeOrder`. */
  readonly skipCanary?: true;
  readonly secretMissing?: true;
  /** As for `fulfillOrder`. */
  readonly reportTerms?: ReportTerms;
  /** Return the certificate in the Secret, which certman did not issue. */
  readonly returnReplaced?: true;
  /** As for `completeOrder`: the renewal follows the window (policy `ari`). */
  readonly returnWindow?: true;
  /** Patches that the run has without a marker; absent: of an earlier version. */
  readonly patches?: readonly string[] | undefined;
}

/** Result of `certificateIssuance`. */
export interface CertificateIssuanceResult {
  readonly certificate: CertificateFacts;
  readonly issued: IssuedCertificate;
  /** With `returnReplaced`: the certificate that was in the Secret. */
  readonly replaced?: IssuedCertificate;
  /** With `returnWindow`, if the CA suggested one at once. */
  readonly suggestedWindow?: RenewalWindow;
  readonly caHost: string;
  /** Why it is from a fallback CA, in a sentence. */
  readonly failover?: string;
  readonly orderUrl: string;
  /** RFC 3339; absent: of an activity that does not say it. */
  readonly installedAt?: string;
  /** As of `fulfillOrder`. */
  readonly reported?: true;
  readonly leftoverRecords?: readonly SealedTxtRecord[];
  /** Those that are in the zone now; absent: as before the order. */
  readonly persistentRecords?: readonly SealedTxtRecord[];
}

/** `details[1]` of the failure of an issuance. */
export interface IssuanceFailureContext {
  /** URL, if the order is still open: the next attempt resumes it. */
  readonly openOrder?: string;
  readonly leftoverRecords?: readonly SealedTxtRecord[];
  /** URL, if the CA may have issued a certificate that did not reach its Secret. */
  readonly unclaimedOrder?: string;
  /** Directory host of the CA of `unclaimedOrder`. */
  readonly unclaimedAt?: string;
  /** The order was proved at the staging CA before it failed. */
  readonly proved?: true;
}

/** Failure type of a cancelled issuance with an {@link IssuanceFailureContext}: a cancellation has no details. */
export const CANCELLED_WITH_LEFTOVERS = 'issuance/cancelledWithLeftovers';
