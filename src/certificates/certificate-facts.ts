/** What certman decides by of a certificate: no secrets, small enough for workflow state. Instants are RFC 3339. */
export interface CertificateFacts {
  /** Serial number in decimal, as in `status.serialNumber`. */
  readonly serialNumber: string;
  /** Issuer CN, or the whole issuer DN where it has none. */
  readonly issuerName: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly dnsNames: readonly string[];
  /** SHA-256 of the leaf's DER, lower-case hex. */
  readonly fingerprint: string;
  /** ARI certificate identifier (RFC 9773 §4.1); absent without an authority key identifier. */
  readonly certId?: string | undefined;
  /** CRL distribution point (RFC 5280 §4.2.1.13); absent: none that can be fetched. */
  readonly crlUrl?: string | undefined;
}

/** When certman installed a certificate into its Secret. */
export interface Installation {
  /** RFC 3339. */
  readonly time: string;
  /** Serial number of the certificate that was in the Secret before; absent: there was none. */
  readonly replacedSerialNumber?: string;
}

/** When a certificate is valid. */
export type Validity = Pick<CertificateFacts, 'notBefore' | 'notAfter'>;

/** As {@link Validity}, in epoch milliseconds. */
export interface ValidityMs {
  readonly notBefore: number;
  readonly notAfter: number;
}

/** NaN for an instant that is none. */
export function validityMs({ notBefore, notAfter }: Validity): ValidityMs {
  return { notBefore: Date.parse(notBefore), notAfter: Date.parse(notAfter) };
}

/** Content of the certificate's Secret. */
export type SecretObservation =
  | { readonly kind: 'missing' }
  | { readonly kind: 'broken'; readonly message: string; readonly keyMismatch?: true }
  | { readonly kind: 'valid'; readonly certificate: CertificateFacts };

/** A certificate that may still be valid, by its URL at the CA, or by its leaf if certman did not issue it. */
export interface IssuedCertificate {
  readonly certificateUrl?: string;
  readonly serialNumber: string;
  readonly notAfter: string;
  /** DER of the certificate in base64; public. */
  readonly leaf?: string;
  /** By `installCertificate`: without it, the certificate is never revoked by this entry. */
  readonly seal?: string;
  /** RFC 3339: when certman had the CA revoke it. */
  readonly revokedAt?: string;
}
