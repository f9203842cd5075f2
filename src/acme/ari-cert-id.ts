import { AsnConvert } from '@peculiar/asn1-schema';
import { AuthorityKeyIdentifier, Certificate, id_ce_authorityKeyIdentifier } from '@peculiar/asn1-x509';

/**
 * What a CA knows a certificate by in its renewal information and in `replaces` (RFC 9773 §4.1): its issuer's key identifier
 * and its serial number as they stand in the DER, the sign octet of the number included, in base64url.
 * @param der of a certificate that Node could read.
 * @returns undefined when it does not name its issuer's key (RFC 5280 §4.2.1.1): such a CA has no renewal information.
 */
export function ariCertId(der: Uint8Array): string | undefined {
  const named = authorityKeyAndSerial(der);
  return named === undefined ? undefined : `${base64url(named.keyIdentifier)}.${base64url(named.serialNumber)}`;
}

function authorityKeyAndSerial(
  der: Uint8Array,
): { readonly keyIdentifier: ArrayBuffer; readonly serialNumber: ArrayBuffer } | undefined {
  try {
    const { extensions = [], serialNumber } = AsnConvert.parse(der, Certificate).tbsCertificate;
    const extension = extensions.find(({ extnID }) => extnID === id_ce_authorityKeyIdentifier);
    if (extension === undefined) return undefined;
    const { keyIdentifier } = AsnConvert.parse(extension.extnValue, AuthorityKeyIdentifier);
    return keyIdentifier === undefined ? undefined : { keyIdentifier: keyIdentifier.buffer, serialNumber };
  } catch {
    // Stricter than OpenSSL: a certificate that it refuses serves all the same, without renewal information.
    return undefined;
  }
}

function base64url(octets: ArrayBuffer): string {
  return Buffer.from(octets).toString('base64url');
}
