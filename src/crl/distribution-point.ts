import { AsnConvert } from '@peculiar/asn1-schema';
import { Certificate, CRLDistributionPoints, id_ce_cRLDistributionPoints } from '@peculiar/asn1-x509';

/** Longer than any that a CA would write, and short enough for a status. */
const MAX_URL_LENGTH = 2048;

/**
 * Where the CA lists the certificates that it has revoked, this one among them if it ever is: the first http(s) URL of the CRL
 * distribution points (RFC 5280 §4.2.1.13). Points that speak of some reasons only, or of another issuer's list, are passed over.
 * @param der of a certificate that Node could read.
 * @returns undefined when it names none that can be fetched.
 */
export function crlUrlOf(der: Uint8Array): string | undefined {
  return distributionPoints(der)
    .filter(({ reasons, cRLIssuer }) => reasons === undefined && cRLIssuer === undefined)
    .flatMap(({ distributionPoint }) => distributionPoint?.fullName ?? [])
    .map(({ uniformResourceIdentifier }) => uniformResourceIdentifier)
    .find((url) => url !== undefined && isCrlUrl(url));
}

/** Whether a list may be fetched from there: http or https (RFC 5280 §4.2.1.13), with no credentials in it. */
export function isCrlUrl(url: string): boolean {
  if (url.length > MAX_URL_LENGTH || !/^https?:\/\//i.test(url) || !URL.canParse(url)) return false;
  const { username, password } = new URL(url);
  return username === '' && password === '';
}

function distributionPoints(der: Uint8Array): CRLDistributionPoints {
  try {
    const { extensions = [] } = AsnConvert.parse(der, Certificate).tbsCertificate;
    const extension = extensions.find(({ extnID }) => extnID === id_ce_cRLDistributionPoints);
    if (extension !== undefined) return AsnConvert.parse(extension.extnValue, CRLDistributionPoints);
  } catch {
    // Stricter than OpenSSL: a certificate that it refuses serves all the same, and is on no list that could be looked at.
  }
  return new CRLDistributionPoints();
}
