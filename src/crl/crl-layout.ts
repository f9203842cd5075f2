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

/** The parts of a CRL (RFC 5280 §5.1). */
export interface CrlLayout {
  readonly tbsCertList: DerElement;
  /** Object identifier of the signature algorithm. */
  readonly algorithm: string;
  readonly signature: DerElement;
  readonly issuer: DerElement;
  readonly nextUpdate: Date | undefined;
  /** Absent: nothing is revoked. */
  readonly revokedCertificates: DerElement | undefined;
}

/** Locates the parts of a CRL. @throws MalformedDerError, or the library's, for no CRL, or an indirect or delta one. */
export function parseCrlLayout(der: Buffer): CrlLayout {
  const list = expectElement(TAG.sequence, der, 0, der.length);
  const [tbsCertList, algorithm, signature, ...more] = childElements(der, list);
  if (tbsCertList?.tag !== TAG.sequence || algorithm?.tag !== TAG.sequence || signature?.tag !== TAG.bitString) {
    throw new MalformedDerError('is not signed');
  }
  if (more.length > 0 || list.end < der.length) throw new MalformedDerError('has trailing data');
  // The first octet of a BIT STRING counts its unused bits.
  if (der[signature.content] !== 0) throw new MalformedDerError('has a signature that is not a whole number of octets');

  const fields = [...childElements(der, tbsCertList)];
  // Version 1 has no version field.
  if (fields[0]?.tag === TAG.integer) fields.shift();
  const [signedAlgorithm, issuer, _thisUpdate, ...rest] = fields;
  if (signedAlgorithm === undefined || issuer === undefined) throw new MalformedDerError('names no issuer');
  // RFC 5280 §5.1.1.2: the outer algorithm is not signed, so it must equal the inner one.
  if (!encodedOctets(der, signedAlgorithm).equals(encodedOctets(der, algorithm))) {
    throw new MalformedDerError('names two algorithms');
  }
  const nextUpdate = rest.find(({ tag }) => tag === TAG.utcTime || tag === TAG.generalizedTime);
  const extensions = rest.find(({ tag }) => tag === TAG.explicit0);
  if (extensions !== undefined) checkExtensions(parse(der, { ...extensions, start: extensions.content }, Extensions));
  return {
    tbsCertList,
    algorithm: parse(der, algorithm, AlgorithmIdentifier).algorithm,
    signature,
    issuer,
    nextUpdate: nextUpdate && parse(der, nextUpdate, Time).getTime(),
    revokedCertificates: rest.find(({ tag }) => tag === TAG.sequence),
  };
}

/** Rejects unknown critical extensions (RFC 5280 §5.2), delta CRLs too. A scope is fine: what is listed is revoked. */
function checkExtensions(extensions: Iterable<Extension>): void {
  for (const { extnID, critical, extnValue } of extensions) {
    if (extnID === id_ce_issuingDistributionPoint) {
      const { indirectCRL } = AsnConvert.parse(extnValue, IssuingDistributionPoint);
      if (indirectCRL) throw new MalformedDerError('covers certificates of other issuers');
    } else if (critical) {
      throw new MalformedDerError(`has the critical extension ${extnID}`);
    }
  }
}

function parse<T>(der: Buffer, part: Pick<DerElement, 'start' | 'end'>, type: new () => T): T {
  return AsnConvert.parse(encodedOctets(der, part), type);
}
