import { verify, type X509Certificate } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import {
  AlgorithmIdentifier,
  Extensions,
  IssuingDistributionPoint,
  id_ce_issuingDistributionPoint,
  Time,
} from '@peculiar/asn1-x509';
import { CertmanError } from '../failures/failure.ts';
import { decodeCertificate } from '../x509/certificate.ts';
import { childElements, type DerElement, encodedOctets, readElement, TAG } from '../x509/der-reader.ts';

/** Digest by signature algorithm (RFC 4055 §5, RFC 5758 §3.2) of public CAs (CA/Browser Forum, BR §7.1.3.2). */
const DIGEST_BY_ALGORITHM: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
};

/** A CRL has 3 parts, the signed one of them 7 fields (RFC 5280 §5.1). */
const MAX_FIELDS = 8;
/** A serial number and a date. */
const MIN_ENTRY_OCTETS = 18;

/** A certificate revocation list (RFC 5280 §5). */
export class Crl {
  readonly #der: Buffer;
  readonly #parts: ReturnType<typeof locateParts>;

  /** @param der retained. @throws CertmanError `crl/unusable` for no CRL, or an indirect or delta one. */
  constructor(der: Buffer) {
    this.#der = der;
    this.#parts = orUnusable(() => locateParts(der));
  }

  /** When the CA publishes the next CRL at the latest; undefined when not stated. */
  get nextUpdate(): Date | undefined {
    return this.#parts.nextUpdate;
  }

  /** The given decimal serial numbers that are listed; verifies no signature. @throws CertmanError `crl/unusable`. */
  revokedAmong(serialNumbers: Iterable<string>): ReadonlySet<string> {
    const wanted = new Map([...serialNumbers].map((serialNumber) => [octetsOfDecimal(serialNumber), serialNumber]));
    const revoked = new Set<string>();
    orUnusable(() => {
      for (const { content, end } of childElements(this.#der, this.#parts.entries)) {
        const serial = readElement(this.#der, content, end);
        if (serial.tag !== TAG.integer || end - content < MIN_ENTRY_OCTETS)
          throw new Error(`has an entry without serial number and date at octet ${content}`);
        const serialNumber = wanted.get(octetsOfInteger(this.#der, serial));
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
      const { algorithm, signed, signature, issuerName } = this.#parts;
      const digest = DIGEST_BY_ALGORITHM[algorithm];
      if (digest === undefined || !issuerName.equals(issuerNameOf(certificate.raw))) return false;
      return verify(digest, signed, issuer.publicKey, signature);
    });
  }
}

/** Locates the parts of a CRL (RFC 5280 §5.1). @throws for no CRL, or an indirect or delta one. */
function locateParts(der: Buffer) {
  const [list, ...behind] = fieldsOf(der, { content: 0, end: der.length });
  const [body, algorithm, signature, ...more] = list?.tag === TAG.sequence ? fieldsOf(der, list) : [];
  if (body?.tag !== TAG.sequence || algorithm?.tag !== TAG.sequence || signature?.tag !== TAG.bitString) {
    throw new Error('is not signed');
  }
  if (more.length > 0 || behind.length > 0) throw new Error('has trailing data');
  // The first octet of a BIT STRING counts its unused bits.
  if (der[signature.content] !== 0) throw new Error('has a signature that is not a whole number of octets');

  const fields = fieldsOf(der, body);
  // Version 1 has no version field.
  if (fields[0]?.tag === TAG.integer) fields.shift();
  const [signedAlgorithm, issuer, _thisUpdate, ...rest] = fields;
  if (signedAlgorithm === undefined || issuer === undefined) throw new Error('names no issuer');
  // RFC 5280 §5.1.1.2: the outer algorithm is not signed, so it must equal the inner one.
  if (!encodedOctets(der, signedAlgorithm).equals(encodedOctets(der, algorithm)))
    throw new Error('names two algorithms');
  const nextUpdate = rest.find(({ tag }) => tag === TAG.utcTime || tag === TAG.generalizedTime);
  const extensions = rest.find(({ tag }) => tag === TAG.explicit0);
  if (extensions !== undefined) checkExtensions(der.subarray(extensions.content, extensions.end));
  return {
    signed: encodedOctets(der, body),
    /** Object identifier. */
    algorithm: AsnConvert.parse(encodedOctets(der, algorithm), AlgorithmIdentifier).algorithm,
    signature: der.subarray(signature.content + 1, signature.end),
    issuerName: encodedOctets(der, issuer),
    nextUpdate: nextUpdate && AsnConvert.parse(encodedOctets(der, nextUpdate), Time).getTime(),
    /** Absent in the CRL: nothing is revoked. */
    entries: rest.find(({ tag }) => tag === TAG.sequence) ?? { content: 0, end: 0 },
  };
}

/** @throws for more than any CRL has: of a large one, they would not fit into memory. */
function fieldsOf(der: Buffer, within: Pick<DerElement, 'content' | 'end'>): DerElement[] {
  const fields: DerElement[] = [];
  for (const field of childElements(der, within)) {
    if (fields.length === MAX_FIELDS) throw new Error(`has more than ${MAX_FIELDS} fields at octet ${within.content}`);
    fields.push(field);
  }
  return fields;
}

/** Rejects unknown critical extensions (RFC 5280 §5.2), delta CRLs too. A scope is fine: what is listed is revoked. */
function checkExtensions(der: Buffer): void {
  for (const { extnID, critical, extnValue } of AsnConvert.parse(der, Extensions)) {
    if (extnID === id_ce_issuingDistributionPoint) {
      const { indirectCRL } = AsnConvert.parse(extnValue, IssuingDistributionPoint);
      if (indirectCRL) throw new Error('covers certificates of other issuers');
    } else if (critical) {
      throw new Error(`has the critical extension ${extnID}`);
    }
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
  const whole = readElement(certificate, 0, certificate.length);
  const fields = [...childElements(certificate, readElement(certificate, whole.content, whole.end))];
  // version (absent in version 1), serialNumber, signature, issuer (RFC 5280 §4.1).
  const issuer = fields[fields[0]?.tag === TAG.explicit0 ? 3 : 2];
  return issuer === undefined ? Buffer.alloc(0) : encodedOctets(certificate, issuer);
}

function certificatesIn(chainPem: string): readonly X509Certificate[] {
  const pems = chainPem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const certificates = pems.slice(0, 2).map((pem) => decodeCertificate(pem).certificate);
  // A malformed chain proves nothing.
  return certificates.filter((certificate) => certificate !== undefined);
}

function orUnusable<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.slice(0, 200) : 'unknown error';
    throw new CertmanError({ code: 'crl/unusable', message: `The CRL cannot be used (${why}).`, cause });
  }
}
