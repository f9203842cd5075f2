/** What a bundle's record knows of its certificates, for the history of a cluster, also of one that is gone. Pure. */
import type { CertificateFacts, IssuedCertificate } from '../certificates/certificate-facts.ts';

/** A certificate of a bundle. Instants are RFC 3339. */
export interface KnownCertificate
  extends Pick<IssuedCertificate, 'serialNumber' | 'notAfter' | 'revokedAt'>,
    Partial<Pick<CertificateFacts, 'issuerName' | 'notBefore' | 'dnsNames'>> {
  /** Of the one in the Secret. */
  readonly caHost?: string;
  /** certman found it in the Secret, and did not order it. */
  readonly adopted?: true;
}

/** As the record of a bundle has them. */
interface RecordedCertificates {
  readonly certificate?: CertificateFacts;
  readonly issued: readonly IssuedCertificate[];
  readonly caHost?: string;
}

/** The one in the Secret first, then those that have not expired. */
export function knownCertificates({ certificate, issued, caHost }: RecordedCertificates): readonly KnownCertificate[] {
  const listed = issued.map(({ serialNumber, notAfter, revokedAt, certificateUrl }) => ({
    serialNumber,
    notAfter,
    revokedAt,
    ...(certificateUrl === undefined && ADOPTED),
  }));
  if (certificate === undefined) return listed;
  const { serialNumber, notAfter, issuerName, notBefore, dnsNames } = certificate;
  const same = listed.find((one) => one.serialNumber === serialNumber) ?? { serialNumber, notAfter, ...ADOPTED };
  return [{ ...same, issuerName, notBefore, dnsNames, caHost }, ...listed.filter((one) => one !== same)];
}

const ADOPTED = { adopted: true } as const;

/** The list with the instant at which one was revoked (RFC 3339). */
export function withRevokedAt(
  issued: readonly IssuedCertificate[],
  serialNumber: string,
  revokedAt: string,
): readonly IssuedCertificate[] {
  return issued.map((one) => (one.serialNumber === serialNumber ? { ...one, revokedAt } : one));
}
