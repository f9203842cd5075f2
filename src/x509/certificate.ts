import { X509Certificate } from 'node:crypto';

/** One of 100 names of 253 characters has some 27 KB. */
const MAX_CERTIFICATE_BYTES = 32 * 1024;
/** Of at most 20 octets (RFC 5280 §4.1.2.2), and not negative. */
const SERIAL_NUMBER = /^[0-9A-F]{1,40}$/i;

/** A decoded certificate, or why it is not used, as the end of a sentence that begins with its name. */
export type DecodedCertificate =
  | { readonly certificate: X509Certificate; readonly why?: undefined }
  | { readonly certificate?: undefined; readonly why: string };

/** Decodes the first certificate of a PEM chain, or one in DER, if its fields are within bounds. Never throws. */
export function decodeCertificate(encoded: string | Buffer): DecodedCertificate {
  try {
    const certificate = new X509Certificate(encoded);
    if (certificate.raw.length > MAX_CERTIFICATE_BYTES) {
      return { why: `is a certificate of more than ${MAX_CERTIFICATE_BYTES / 1024} KiB` };
    }
    if (!SERIAL_NUMBER.test(certificate.serialNumber)) {
      return { why: 'is a certificate whose serial number is negative or has more than 20 octets' };
    }
    const { validFromDate, validToDate } = certificate;
    const isDated = !Number.isNaN(validFromDate.getTime()) && !Number.isNaN(validToDate.getTime());
    return isDated ? { certificate } : { why: 'is a certificate without a readable validity' };
  } catch {
    // OpenSSL's message can quote the input, so it is dropped.
    return { why: 'is not a certificate in PEM' };
  }
}

/** Serial number in decimal, as in `CertificateFacts`. */
export function serialNumberOf(certificate: X509Certificate): string {
  return BigInt(`0x${certificate.serialNumber}`).toString();
}
