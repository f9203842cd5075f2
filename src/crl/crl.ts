/**
 * A certificate revocation list (RFC 5280 §5): which of certain certificates are on it, and whether it is their CA's own. The
 * list is walked in place, since the library makes objects of every value in it: it takes 0.1 s for 1,000 entries and refuses
 * 100,000. What stands around the list is small, and the library's.
 */
import { verify, X509Certificate } from 'node:crypto';
import { CertmanError } from '../failures/failure.ts';
import { type CrlLayout, parseCrlLayout } from './crl-layout.ts';
import { childElements, type DerElement, encodedOctets, expectElement, TAG } from './der-reader.ts';

/** Digest by signature algorithm (RFC 4055 §5, RFC 5758 §3.2): those that public CAs may use (CA/Browser Forum, BR §7.1.3.2). */
const DIGEST_BY_ALGORITHM: ReadonlyMap<string, string> = new Map([
  ['1.2.840.113549.1.1.11', 'sha256'],
  ['1.2.840.113549.1.1.12', 'sha384'],
  ['1.2.840.113549.1.1.13', 'sha512'],
  ['1.2.840.10045.4.3.2', 'sha256'],
  ['1.2.840.10045.4.3.3', 'sha384'],
  ['1.2.840.10045.4.3.4', 'sha512'],
]);

export class Crl {
  readonly #der: Buffer;
  readonly #layout: CrlLayout;

  /**
   * @param der the whole list, kept for as long as this object.
   * @throws CertmanError `crl/unusable` when it is no list, or one that does not speak for itself: a delta list, one of
   * other issuers' certificates, one with something critical that is not understood (RFC 5280 §5.2).
   */
  constructor(der: Buffer) {
    this.#der = der;
    this.#layout = orUnusable(() => parseCrlLayout(der));
  }

  /** When the CA means to have published the next one; undefined when it does not say. */
  get nextUpdate(): Date | undefined {
    return this.#layout.nextUpdate;
  }

  /**
   * Those of certain serial numbers that are on it, whoever has signed it.
   * @param serialNumbers in decimal, as in `CertificateFacts`.
   * @throws CertmanError `crl/unusable` when it cannot be read to its end.
   */
  revokedAmong(serialNumbers: Iterable<string>): ReadonlySet<string> {
    const wanted = new Map<string, string>();
    for (const serialNumber of serialNumbers) wanted.set(serialMagnitude(serialNumber), serialNumber);
    const revoked = new Set<string>();
    const { revokedCertificates } = this.#layout;
    if (revokedCertificates === undefined) return revoked;
    orUnusable(() => {
      for (const entry of childElements(this.#der, revokedCertificates)) {
        const serialNumber = wanted.get(
          serialMagnitudeIn(this.#der, expectElement(TAG.integer, this.#der, entry.content, entry.end)),
        );
        if (serialNumber !== undefined) revoked.add(serialNumber);
      }
    });
    return revoked;
  }

  /**
   * Whether it is the list of a certificate's own CA (RFC 5280 §6.3.3): under the name that the certificate has as its
   * issuer, signed with the key that the certificate is signed with.
   * @param chainPem the certificate, and behind it that of its CA.
   */
  isFromIssuerOf(chainPem: string): boolean {
    const [certificate, issuer] = certificatesIn(chainPem);
    if (certificate === undefined || issuer === undefined) return false;
    return orUnusable(() => {
      if (!certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey)) return false;
      const { algorithm, tbsCertList, signature, issuer: name } = this.#layout;
      if (!encodedOctets(this.#der, name).equals(issuerNameOf(certificate.raw))) return false;
      const digest = DIGEST_BY_ALGORITHM.get(algorithm);
      if (digest === undefined) return false;
      // The first octet of a BIT STRING counts the bits at its end that mean nothing: none here.
      const signed = this.#der.subarray(signature.content + 1, signature.end);
      return verify(digest, encodedOctets(this.#der, tbsCertList), issuer.publicKey, signed);
    });
  }
}

/** A serial number without the zero octets before it, as text of one character an octet. */
function serialMagnitude(serialNumber: string): string {
  const hex = /^\d{1,64}$/.test(serialNumber) ? BigInt(serialNumber).toString(16) : '';
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex').toString('latin1');
}

function serialMagnitudeIn(der: Buffer, { content, end }: DerElement): string {
  let first = content;
  while (first < end && der[first] === 0) first += 1;
  return der.toString('latin1', first, end);
}

/** Names are compared by their octets, as CAs have to repeat them (CA/Browser Forum, BR §7.1.4.1). */
function issuerNameOf(certificate: Buffer): Buffer {
  const whole = expectElement(TAG.sequence, certificate, 0, certificate.length);
  const fields = [...childElements(certificate, expectElement(TAG.sequence, certificate, whole.content, whole.end))];
  // version, serialNumber, signature, issuer (RFC 5280 §4.1); the first version has no such field.
  const issuer = fields[fields[0]?.tag === TAG.explicit0 ? 3 : 2];
  return issuer === undefined ? Buffer.alloc(0) : encodedOctets(certificate, issuer);
}

/** The first two of a chain; the others do not matter here. */
function certificatesIn(chainPem: string): readonly X509Certificate[] {
  const pems = chainPem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    return pems.slice(0, 2).map((pem) => new X509Certificate(pem));
  } catch {
    // Node tells apart no reasons here; a chain that cannot be read vouches for nothing.
    return [];
  }
}

function orUnusable<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new CertmanError({
      code: 'crl/unusable',
      message: `This is no list of revoked certificates that can be used (${cause instanceof Error ? cause.message.slice(0, 200) : 'unknown error'}).`,
      cause,
    });
  }
}
