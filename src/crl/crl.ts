import { verify, X509Certificate } from 'node:crypto';
import { CertmanError } from '../failures/failure.ts';
import { type CrlLayout, parseCrlLayout } from './crl-layout.ts';
import { childElements, type DerElement, encodedOctets, expectElement, TAG } from './der-reader.ts';

/** Digest by signature algorithm (RFC 4055 §5, RFC 5758 §3.2) of public CAs (CA/Browser Forum, BR §7.1.3.2). */
const DIGEST_BY_ALGORITHM: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
};

/** A certificate revocation list (RFC 5280 §5). */
export class Crl {
  readonly #der: Buffer;
  readonly #layout: CrlLayout;

  /** @param der retained. @throws CertmanError `crl/unusable` for what {@link parseCrlLayout} rejects. */
  constructor(der: Buffer) {
    this.#der = der;
    this.#layout = orUnusable(() => parseCrlLayout(der));
  }

  /** When the CA publishes the next CRL at the latest; undefined when not stated. */
  get nextUpdate(): Date | undefined {
    return this.#layout.nextUpdate;
  }

  /** The given decimal serial numbers that are listed; verifies no signature. @throws CertmanError `crl/unusable`. */
  revokedAmong(serialNumbers: Iterable<string>): ReadonlySet<string> {
    const wanted = new Map<string, string>();
    for (const serialNumber of serialNumbers) wanted.set(octetsOfDecimal(serialNumber), serialNumber);
    const revoked = new Set<string>();
    const { revokedCertificates } = this.#layout;
    if (revokedCertificates === undefined) return revoked;
    orUnusable(() => {
      for (const { content, end } of childElements(this.#der, revokedCertificates)) {
        const entry = octetsOfInteger(this.#der, expectElement(TAG.integer, this.#der, content, end));
        const serialNumber = wanted.get(entry);
        if (serialNumber !== undefined) revoked.add(serialNumber);
      }
    });
    return revoked;
  }

  /** Same issuer name, signed with the same key (RFC 5280 §6.3.3). @param chainPem certificate, then its CA's. */
  isFromIssuerOf(chainPem: string): boolean {
    const [certificate, issuer] = certificatesIn(chainPem);
    if (certificate === undefined || issuer === undefined) return false;
    return orUnusable(() => {
      if (!certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey)) return false;
      const { algorithm, tbsCertList, signature, issuer: name } = this.#layout;
      if (!encodedOctets(this.#der, name).equals(issuerNameOf(certificate.raw))) return false;
      const digest = DIGEST_BY_ALGORITHM[algorithm];
      if (digest === undefined) return false;
      // The first octet counts unused bits; there are none.
      const signed = this.#der.subarray(signature.content + 1, signature.end);
      return verify(digest, encodedOctets(this.#der, tbsCertList), issuer.publicKey, signed);
    });
  }
}

/** A serial number as its octets without leading zeros, one character each: the form of {@link octetsOfInteger}. */
function octetsOfDecimal(serialNumber: string): string {
  const hex = /^\d{1,64}$/.test(serialNumber) ? BigInt(serialNumber).toString(16) : '';
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex').toString('latin1');
}

function octetsOfInteger(der: Buffer, { content, end }: DerElement): string {
  let first = content;
  while (first < end && der[first] === 0) first += 1;
  return der.toString('latin1', first, end);
}

/** Issuer name as encoded; CAs repeat it octet by octet in CRLs (CA/Browser Forum, BR §7.1.4.1). */
function issuerNameOf(certificate: Buffer): Buffer {
  const whole = expectElement(TAG.sequence, certificate, 0, certificate.length);
  const fields = [...childElements(certificate, expectElement(TAG.sequence, certificate, whole.content, whole.end))];
  // version (absent in version 1), serialNumber, signature, issuer (RFC 5280 §4.1).
  const issuer = fields[fields[0]?.tag === TAG.explicit0 ? 3 : 2];
  return issuer === undefined ? Buffer.alloc(0) : encodedOctets(certificate, issuer);
}

function certificatesIn(chainPem: string): readonly X509Certificate[] {
  const pems = chainPem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    return pems.slice(0, 2).map((pem) => new X509Certificate(pem));
  } catch {
    // A malformed chain proves nothing.
    return [];
  }
}

function orUnusable<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.slice(0, 200) : 'unknown error';
    throw new CertmanError({ code: 'crl/unusable', message: `The CRL cannot be used (${why}).`, cause });
  }
}
