/** Input, result and failure of `certificateIssuance`, the workflow of one order. */
import type { CertificateFacts, IssuedCertificate } from '../certificates/certificate-facts.ts';
import type { TxtRecord } from '../certificates/dns-name.ts';
import type { ClusterIdentity, ObjectRef, ZoneTarget } from '../clusters/cluster-view.ts';

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
