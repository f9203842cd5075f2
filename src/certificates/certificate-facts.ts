/** What is read out of an X.509 certificate and used for decisions. Nothing secret; fits a workflow's state. */
export interface CertificateFacts {
  /** Serial number in decimal, as in `status.serialNumber`. */
  readonly serialNumber: string;
  /** Issuer CN, or the whole issuer DN where it has none. */
  readonly issuerName: string;
  /** RFC 3339. */
  readonly notBefore: string;
  /** RFC 3339. */
  readonly notAfter: string;
  readonly dnsNames: readonly string[];
  /** SHA-256 of the leaf's DER, lower-case hex. */
  readonly fingerprint: string;
  /** What the CA knows it by when asked for renewal information (RFC 9773 §4.1); absent: it names no authority key. */
  readonly certId?: string;
  /** Where its CA lists what it has revoked (RFC 5280 §4.2.1.13); absent: nowhere that could be looked at. */
  readonly crlUrl?: string;
}

/** What the certificate Secret holds right now. */
export type SecretObservation =
  | { readonly kind: 'missing' }
  | { readonly kind: 'broken'; readonly message: string; readonly keyMismatch?: true }
  | { readonly kind: 'valid'; readonly certificate: CertificateFacts };

/** A certificate that may still be valid, by where the CA keeps it, or by itself where nobody knows that. */
export interface IssuedCertificate {
  /** Absent: it was not issued here; then `leaf` is there. */
  readonly certificateUrl?: string;
  readonly serialNumber: string;
  readonly notAfter: string;
  /** DER of the certificate in base64. Nothing secret: it was sent to everybody who connected. */
  readonly leaf?: string;
}
