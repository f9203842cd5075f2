import type { X509Certificate } from 'node:crypto';
import { decodeCertificate } from './certificate.ts';

/** The certificates that clients trust, which a chain has to lead to. */
export class TrustStore {
  /** One certificate each. */
  readonly pems: readonly string[];
  readonly #bySubject = new Map<string, X509Certificate[]>();
  readonly #fingerprints = new Set<string>();

  /** @param pems one that cannot be decoded is left out. */
  constructor(pems: readonly string[]) {
    this.pems = pems.filter((pem) => this.#add(decodeCertificate(pem).certificate));
  }

  #add(certificate: X509Certificate | undefined): boolean {
    if (certificate === undefined || this.has(certificate)) return false;
    this.#fingerprints.add(certificate.fingerprint256);
    const others = this.#bySubject.get(certificate.subject);
    if (others === undefined) this.#bySubject.set(certificate.subject, [certificate]);
    else others.push(certificate);
    return true;
  }

  get size(): number {
    return this.#fingerprints.size;
  }

  has({ fingerprint256 }: X509Certificate): boolean {
    return this.#fingerprints.has(fingerprint256);
  }

  /** The trusted certificate, valid at `now`, that signed this one: by name and by signature. */
  issuerOf(certificate: X509Certificate, now: Date): X509Certificate | undefined {
    const candidates = this.#bySubject.get(certificate.issuer) ?? [];
    return candidates.find((issuer) => isValidAt(issuer, now) && isIssuedBy(certificate, issuer));
  }
}

/** By issuer, which live as long as their chain's or trust store's: a signature is verified once. */
const verified = new WeakMap<X509Certificate, WeakMap<X509Certificate, boolean>>();

/** Whether `issuer` signed `certificate`, by name, key usage and signature. */
export function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  const known = verified.get(issuer)?.get(certificate);
  if (known !== undefined) return known;
  const isSigned = certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  const ofIssuer = verified.get(issuer) ?? new WeakMap<X509Certificate, boolean>();
  verified.set(issuer, ofIssuer.set(certificate, isSigned));
  return isSigned;
}

/** Whether a moment is within the validity of a certificate. */
export function isValidAt({ validFromDate, validToDate }: X509Certificate, now: Date): boolean {
  return validFromDate <= now && now <= validToDate;
}
