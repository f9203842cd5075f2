import { X509Certificate } from 'node:crypto';
import { oneLine } from '../failures/printable.ts';

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

/** Some 10 KB each. */
const MAX_DECODED = 64;
/** By PEM, oldest first: the steps of an order decode its chain in turn, and all orders of a CA have the same issuers. */
const decoded = new Map<string, X509Certificate>();

function decodeBlock(pem: string): X509Certificate | undefined {
  const known = decoded.get(pem);
  if (known !== undefined) return known;
  const { certificate } = decodeCertificate(pem);
  if (certificate === undefined) return undefined;
  for (const oldest of decoded.keys()) {
    if (decoded.size < MAX_DECODED) break;
    decoded.delete(oldest);
  }
  decoded.set(pem, certificate);
  return certificate;
}

/**
 * The certificates of a PEM text, in its order; undefined when one cannot be decoded, or there is none. Equal texts may
 * give the same object.
 */
export function decodeCertificates(pem: string): readonly X509Certificate[] | undefined {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const certificates = blocks.map(decodeBlock);
  const found = certificates.filter((certificate) => certificate !== undefined);
  return found.length > 0 && found.length === blocks.length ? found : undefined;
}

/** The common name of a certificate's subject, else all of the subject, on one line. */
export function subjectOf({ subject }: X509Certificate): string {
  return nameIn(subject);
}

/** As {@link subjectOf}, of its issuer. */
export function issuerOf({ issuer }: X509Certificate): string {
  return nameIn(issuer);
}

const MAX_NAME_LENGTH = 100;

function nameIn(distinguishedName: string | undefined): string {
  const lines = (distinguishedName ?? '').split('\n');
  const name = lines.find((line) => line.startsWith('CN=')) ?? lines.join(', ');
  return name === '' ? 'without a name' : oneLine(name, MAX_NAME_LENGTH);
}
