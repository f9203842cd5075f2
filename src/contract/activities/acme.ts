/** The activities at the CA. */
import type { CertificateFacts, IssuedCertificate } from '../../certificates/certificate-facts.ts';
import type { CrlReason } from '../../certificates/crl-reason.ts';
import type { RenewalWindow } from '../../certificates/renewal-window.ts';
import type { ObjectRef } from '../../clusters/cluster-identity.ts';
import type { BundleRef } from './bundle-ref.ts';
import type { OwnershipProof, SealedTxtRecord } from './txt-records.ts';

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

/** What is to be ordered: input of `placeOrder`. */
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
