import { type KeyObject, X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { CertmanError } from '../failures/failure.ts';
import type { AcmeClient } from './client.ts';

/** A chain of an end-entity certificate with 100 names and four issuers has about 15 KB. */
const MAX_CHAIN_LENGTH = 100 * 1024;

const chainSchema = z
  .string()
  .min(1)
  .max(MAX_CHAIN_LENGTH)
  .regex(/^-----BEGIN CERTIFICATE-----/);

/** Downloads the default chain exactly as the CA sends it (RFC 8555 §7.4.2). */
export async function downloadChain(ca: AcmeClient, url: string, signal?: AbortSignal): Promise<string> {
  const answer = await ca.post({ resource: 'certificate', url, payload: null, schema: chainSchema, signal });
  return answer.body;
}

/** The first certificate of a chain in PEM, or the one in DER. @throws CertmanError `acme/unexpected`. */
export function readLeaf(certificate: string | Buffer): X509Certificate {
  try {
    return new X509Certificate(certificate);
  } catch (error) {
    throw new CertmanError({
      code: 'acme/unexpected',
      message: 'The certificate cannot be decoded: what should be it is no X.509 certificate.',
      cause: error,
    });
  }
}

/** The DNS names of a certificate's subjectAltName, lower case. */
export function dnsNamesOf(certificate: X509Certificate): string[] {
  const names = certificate.subjectAltName?.split(', ') ?? [];
  return names.filter((name) => name.startsWith('DNS:')).map((name) => name.slice(4).toLowerCase());
}

/** Why this leaf is not the certificate that was ordered, or undefined when it is: made for the key, covering the names. */
export function certificateMismatch(
  leaf: X509Certificate,
  key: KeyObject,
  dnsNames: readonly string[],
): string | undefined {
  if (!leaf.checkPrivateKey(key)) return 'it is for another key than the staged one';
  const covered = new Set(dnsNamesOf(leaf));
  const missing = dnsNames.filter((name) => !covered.has(name.toLowerCase()));
  return missing.length === 0 ? undefined : `it does not cover ${missing.join(', ')}`;
}
