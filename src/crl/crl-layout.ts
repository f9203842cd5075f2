/** Where the parts of a certificate revocation list stand in its DER, and what those around the list itself say. */
import { AsnConvert } from '@peculiar/asn1-schema';
import {
  AlgorithmIdentifier,
  type Extension,
  Extensions,
  IssuingDistributionPoint,
  id_ce_issuingDistributionPoint,
  Time,
} from '@peculiar/asn1-x509';
import { childElements, type DerElement, encodedOctets, expectElement, MalformedDerError, TAG } from './der-reader.ts';

/** RFC 5280 §5.1. */
export interface CrlLayout {
  /** What is signed. */
  readonly tbsCertList: DerElement;
  /** Object identifier of how. */
  readonly algorithm: string;
  readonly signature: DerElement;
  readonly issuer: DerElement;
  /** Absent: the CA does not say when the next list comes. */
  readonly nextUpdate?: Date;
  /** Absent: nothing is revoked. */
  readonly revokedCertificates?: DerElement;
}

/** @throws MalformedDer when it is no list, or one that does not speak of all certificates of its own issuer by itself. */
export function parseCrlLayout(der: Buffer): CrlLayout {
  const list = expectElement(TAG.sequence, der, 0, der.length);
  const [body, algorithm, signature, ...more] = childElements(der, list);
  if (body?.tag !== TAG.sequence || algorithm?.tag !== TAG.sequence || signature?.tag !== TAG.bitString) {
    throw new MalformedDerError('is not signed');
  }
  if (more.length > 0 || list.end < der.length) throw new MalformedDerError('has more behind it');
  // The octet before the signature itself counts the bits at its end that are none of it.
  if (der[signature.content] !== 0) throw new MalformedDerError('has a signature that is no whole number of octets');
  const { ownAlgorithm, ...parts } = parseTbsCertList(der, body);
  // RFC 5280 §5.1.1.2: said twice, since this one is not signed.
  if (!encodedOctets(der, ownAlgorithm).equals(encodedOctets(der, algorithm)))
    throw new MalformedDerError('names two algorithms');
  return { tbsCertList: body, signature, algorithm: parse(der, algorithm, AlgorithmIdentifier).algorithm, ...parts };
}

function parseTbsCertList(
  der: Buffer,
  body: DerElement,
): Pick<CrlLayout, 'issuer' | 'nextUpdate' | 'revokedCertificates'> & { readonly ownAlgorithm: DerElement } {
  const fields = [...childElements(der, body)];
  // The first version has no such field.
  if (fields[0]?.tag === TAG.integer) fields.shift();
  const [ownAlgorithm, issuer, _thisUpdate, ...rest] = fields;
  if (ownAlgorithm === undefined || issuer === undefined) throw new MalformedDerError('names no issuer');
  const nextUpdate = rest.find(({ tag }) => tag === TAG.utcTime || tag === TAG.generalizedTime);
  const entries = rest.find(({ tag }) => tag === TAG.sequence);
  const extensions = rest.find(({ tag }) => tag === TAG.explicit0);
  if (extensions !== undefined) checkExtensions(parse(der, { ...extensions, start: extensions.content }, Extensions));
  return {
    ownAlgorithm,
    issuer,
    ...(nextUpdate === undefined ? {} : { nextUpdate: parse(der, nextUpdate, Time).getTime() }),
    ...(entries === undefined ? {} : { revokedCertificates: entries }),
  };
}

/**
 * What is critical and not understood forbids to use the list (RFC 5280 §5.2); a delta list is such a one. Of the issuing
 * distribution point it does not matter which part of the CA's certificates a list is for: what is on it is revoked.
 */
function checkExtensions(extensions: Iterable<Extension>): void {
  for (const { extnID, critical, extnValue } of extensions) {
    if (extnID === id_ce_issuingDistributionPoint) {
      const { indirectCRL } = AsnConvert.parse(extnValue, IssuingDistributionPoint);
      if (indirectCRL) throw new MalformedDerError('is one of certificates of other issuers');
    } else if (critical) {
      throw new MalformedDerError(`has the critical extension ${extnID}`);
    }
  }
}

function parse<T>(der: Buffer, part: Pick<DerElement, 'start' | 'end'>, type: new () => T): T {
  return AsnConvert.parse(encodedOctets(der, part), type);
}
