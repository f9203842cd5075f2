import type { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import type { AcmeClient } from './client.ts';
import { AcmeProblemError } from './problems.ts';

/** CRLReason (RFC 5280 §5.3.1) as far as Let's Encrypt lets an account give it: unspecified, keyCompromise, superseded, cessationOfOperation. */
export type RevocationReason = 0 | 1 | 4 | 5;

export interface RevocationResult {
  readonly outcome: 'revoked' | 'alreadyRevoked' | 'expired' | 'unknownToAccount';
  readonly message: string;
}

/**
 * Revokes a certificate in the account's name (RFC 8555 §7.6). What cannot or need not be revoked is an outcome, not an error.
 * @throws CertmanError when the CA cannot be asked, or does not know the account itself.
 */
export async function revokeCertificate(
  ca: AcmeClient,
  certificate: X509Certificate,
  reason: RevocationReason,
  signal?: AbortSignal,
): Promise<RevocationResult> {
  if (certificate.validToDate.getTime() <= Date.now()) {
    return { outcome: 'expired', message: `Expired on ${certificate.validToDate.toISOString()}; nothing to revoke.` };
  }
  const { revokeCert } = await ca.directory();
  try {
    await ca.post({
      resource: 'revokeCert',
      url: revokeCert,
      payload: { certificate: certificate.raw.toString('base64url'), reason },
      schema: z.unknown(),
      signal,
    });
    return { outcome: 'revoked', message: `Revoked at ${ca.host} with reason ${reason}.` };
  } catch (error) {
    if (!(error instanceof AcmeProblemError)) throw error;
    if (error.type === 'alreadyRevoked') return { outcome: 'alreadyRevoked', message: error.message };
    // Boulder says 404, Pebble malformed, for a certificate that it did not issue; both say unauthorized for a stranger's.
    if (error.code === 'acme/unauthorized' || error.code === 'acme/malformed') {
      return { outcome: 'unknownToAccount', message: error.message };
    }
    throw error;
  }
}
