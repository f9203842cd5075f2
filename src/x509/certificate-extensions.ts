/** Reads the X.509 extensions that Node's `X509Certificate` does not expose. */
import { AsnConvert } from '@peculiar/asn1-schema';
import {
  AuthorityKeyIdentifier,
  Certificate,
  CRLDistributionPoints,
  id_ce_authorityKeyIdentifier,
  id_ce_cRLDistributionPoints,
} from '@peculiar/asn1-x509';

/** As in the CRD; 56 with identifiers of 20 octets. */
const MAX_CERT_ID_LENGTH = 256;
/** Longer than any URL that a CA writes into a certificate, and short enough for a status field. */
const MAX_CRL_URL_LENGTH = 2048;

/**
 * ARI certificate identifier (RFC 9773 §4.1): authority key identifier and DER serial with sign octet, in base64url.
 * @returns undefined when the certificate has no authority key identifier (RFC 5280 §4.2.1.1), or one of unusual length.
 */
export function ariCertId(der: Uint8Array): string | undefined {
  const found = readExtension(der, id_ce_authorityKeyIdentifier, AuthorityKeyIdentifier);
  const keyIdentifier = found?.value.keyIdentifier;
  if (found === undefined || keyIdentifier === undefined) return undefined;
  const parts = [keyIdentifier.buffer, found.serialNumber].map((part) => Buffer.from(part).toString('base64url'));
  const certId = parts.join('.');
  return certId.length <= MAX_CERT_ID_LENGTH ? certId : undefined;
}

/** The first http(s) CRL URL (RFC 5280 §4.2.1.13), of no point limited to some reasons or with another CRL issuer. */
export function crlUrlOf(der: Uint8Array): string | undefined {
  const points = readExtension(der, id_ce_cRLDistributionPoints, CRLDistributionPoints)?.value ?? [];
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

function readExtension<Extension>(
  der: Uint8Array,
  id: string,
  type: new () => Extension,
): { readonly value: Extension; readonly serialNumber: ArrayBuffer } | undefined {
  try {
    const { extensions = [], serialNumber } = AsnConvert.parse(der, Certificate).tbsCertificate;
    const extension = extensions.find(({ extnID }) => extnID === id);
    return extension === undefined ? undefined : { value: AsnConvert.parse(extension.extnValue, type), serialNumber };
  } catch {
    // asn1-x509 is stricter than OpenSSL: a certificate that it rejects can be in use, only without these extensions.
    return undefined;
  }
}
