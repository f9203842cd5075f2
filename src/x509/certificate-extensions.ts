/** Reads the X.509 extensions that Node's `X509Certificate` does not expose. */
import { AsnConvert } from '@peculiar/asn1-schema';
import { BasicConstraints, CRLDistributionPoints } from '@peculiar/asn1-x509';
import { childElements, type DerElement, encodedOctets, readElement, TAG } from './der-reader.ts';

/** Object identifiers (RFC 5280 §4.2.1.1, §4.2.1.9, §4.2.1.13), encoded. */
const AUTHORITY_KEY_IDENTIFIER = '0603551d23';
const BASIC_CONSTRAINTS = '0603551d13';
const CRL_DISTRIBUTION_POINTS = '0603551d1f';
/** CAs need some 100; longer ones take long to decode. */
const MAX_EXTENSION_OCTETS = 4 * 1024;

/** As in the CRD; 56 with identifiers of 20 octets. */
const MAX_CERT_ID_LENGTH = 256;
/** Longer than any URL that a CA writes into a certificate, and short enough for a status field. */
const MAX_CRL_URL_LENGTH = 2048;

/**
 * ARI certificate identifier (RFC 9773 §4.1): authority key identifier and DER serial with sign octet, in base64url.
 * @returns undefined when the certificate has no authority key identifier (RFC 5280 §4.2.1.1), or an empty or very long one.
 */
export function ariCertId(der: Uint8Array): string | undefined {
  const found = readExtension(der, AUTHORITY_KEY_IDENTIFIER, keyIdentifierIn);
  if (found?.value === undefined) return undefined;
  const certId = [found.value, found.serialNumber].map((part) => part.toString('base64url')).join('.');
  return certId.length <= MAX_CERT_ID_LENGTH ? certId : undefined;
}

/** Without the decoder, which took most of the time of a certificate's facts. @throws when it is not DER. */
function keyIdentifierIn(extension: Buffer): Buffer | undefined {
  const identifier = readElement(extension, 0, extension.length);
  if (identifier.tag !== TAG.sequence) return undefined;
  const key = [...childElements(extension, identifier)].find(({ tag }) => tag === TAG.implicit0);
  return key === undefined || key.content === key.end ? undefined : extension.subarray(key.content, key.end);
}

/** How many CA certificates may stand between this one and the end-entity's (RFC 5280 §4.2.1.9); undefined: any number. */
export function pathLengthOf(der: Uint8Array): number | undefined {
  return readExtension(der, BASIC_CONSTRAINTS, decodeAs(BasicConstraints))?.value.pathLenConstraint;
}

/** The first http(s) CRL URL (RFC 5280 §4.2.1.13), of no point limited to some reasons or with another CRL issuer. */
export function crlUrlOf(der: Uint8Array): string | undefined {
  const points = readExtension(der, CRL_DISTRIBUTION_POINTS, decodeAs(CRLDistributionPoints))?.value ?? [];
  return [...points]
    .filter(({ reasons, cRLIssuer }) => reasons === undefined && cRLIssuer === undefined)
    .flatMap(({ distributionPoint }) => distributionPoint?.fullName ?? [])
    .map(({ uniformResourceIdentifier }) => uniformResourceIdentifier)
    .find((url) => url !== undefined && isCrlUrl(url));
}

/** Whether certman fetches a CRL from this URL: http or https (RFC 5280 §4.2.1.13), without credentials. */
export function isCrlUrl(url: string): boolean {
  if (url.length > MAX_CRL_URL_LENGTH || !/^https?:\/\/[\x21-\x7e]+$/i.test(url) || !URL.canParse(url)) return false;
  const { username, password } = new URL(url);
  return username === '' && password === '';
}

function decodeAs<Extension>(type: new () => Extension): (extension: Buffer) => Extension {
  return (extension) => AsnConvert.parse(extension, type);
}

/** Walks to the extension: to decode a whole certificate that a user has made up takes up to half a second. */
function readExtension<Extension>(
  der: Uint8Array,
  id: string,
  decode: (extension: Buffer) => Extension,
): { readonly value: Extension; readonly serialNumber: Buffer } | undefined {
  const octets = Buffer.from(der);
  const childrenOf = (parent: DerElement): DerElement[] => [...childElements(octets, parent)];
  try {
    const [body] = childrenOf(readElement(octets, 0, octets.length));
    const fields = body === undefined ? [] : childrenOf(body);
    const serial = fields.find(({ tag }) => tag === TAG.integer);
    const [extensions] = fields.filter(({ tag }) => tag === TAG.explicit3).flatMap(childrenOf);
    if (serial === undefined || extensions === undefined) return undefined;
    for (const extension of childElements(octets, extensions)) {
      const [name, ...rest] = childrenOf(extension);
      const value = rest.at(-1);
      if (name === undefined || value === undefined || encodedOctets(octets, name).toString('hex') !== id) continue;
      if (value.end - value.content > MAX_EXTENSION_OCTETS) return undefined;
      return {
        value: decode(octets.subarray(value.content, value.end)),
        serialNumber: octets.subarray(serial.content, serial.end),
      };
    }
    return undefined;
  } catch {
    // Stricter than OpenSSL: a certificate that is rejected here can be in use, only without these extensions.
    return undefined;
  }
}
