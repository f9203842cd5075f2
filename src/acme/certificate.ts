import type { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import type { RevocationEntry, RevokeCertificatesInput } from '../contract/activities/acme.ts';
import { CertmanError } from '../failures/failure.ts';
import { decodeCertificate, serialNumberOf } from '../x509/certificate.ts';
import type { AcmeClient } from './client.ts';
import { AcmeProblemError } from './problems.ts';

/** A chain of an end-entity certificate with 100 names and four issuers has about 15 KB. */
const MAX_CHAIN_LENGTH = 100 * 1024;

/** Certificates only: it goes into the Secret as it is. */
const chainSchema = z
  .string()
  .max(MAX_CHAIN_LENGTH)
  .regex(
    /^(-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*)+$/,
    'expected certificates in PEM',
  );

/** A chain as the CA sends it, and where it has others for the same certificate. */
export interface DownloadedChain {
  readonly chainPem: string;
  readonly alternates: readonly string[];
}

/** Downloads a chain (RFC 8555 §7.4.2), the default one by the certificate's URL. @throws CertmanError of any `acme/` code. */
export async function downloadChain(ca: AcmeClient, url: string): Promise<DownloadedChain> {
  const { body, alternates } = await ca.post({ resource: 'certificate', url, payload: null, schema: chainSchema });
  return { chainPem: body, alternates };
}

/** Decodes the first certificate of a PEM chain, or one in DER. @throws CertmanError `acme/unexpected`. */
export function readLeaf(certificate: string | Buffer): X509Certificate {
  const decoded = decodeCertificate(certificate);
  if (decoded.certificate !== undefined) return decoded.certificate;
  throw new CertmanError({ code: 'acme/unexpected', message: `The certificate cannot be used: it ${decoded.why}.` });
}

/**
 * Revokes a certificate (RFC 8555 §7.6); one that needs none, or is not this account's, is an outcome, not an error.
 * @param reason CRLReason (RFC 5280 §5.3.1).
 * @throws CertmanError when the CA cannot be reached, or rejects the account itself.
 */
export async function revokeCertificate(
  ca: AcmeClient,
  certificate: X509Certificate,
  reason: RevokeCertificatesInput['reason'],
): Promise<RevocationEntry> {
  const serialNumber = serialNumberOf(certificate);
  const { revokeCert } = await ca.directory();
  try {
    const payload = { certificate: certificate.raw.toString('base64url'), reason };
    await ca.post({ resource: 'revokeCert', url: revokeCert, payload, schema: z.unknown() });
    return { serialNumber, outcome: 'revoked', message: `Revoked at ${ca.host} with reason ${reason}.` };
  } catch (error) {
    if (!(error instanceof AcmeProblemError)) throw error;
    const { type, code, message } = error;
    if (type === 'alreadyRevoked') return { serialNumber, outcome: 'alreadyRevoked', message };
    // For a certificate of another CA Boulder answers 404, Pebble malformed; for another account's both unauthorized.
    if (code === 'acme/unauthorized' || code === 'acme/malformed') {
      return { serialNumber, outcome: 'unknownToAccount', message };
    }
    throw error;
  }
}
