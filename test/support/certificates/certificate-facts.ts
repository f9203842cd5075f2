import type { CertificateFacts } from '../../../src/certificates/certificate-facts.ts';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
/** When the certificates of these tests begin, unless told otherwise. */
export const NOT_BEFORE = Date.parse('2026-01-01T00:00:00Z');

/** A certificate of this lifetime as it is read out of a Secret. */
export function certificateWithLifetime(lifetimeMs: number, change: Partial<CertificateFacts> = {}): CertificateFacts {
  const begin = change.notBefore === undefined ? NOT_BEFORE : Date.parse(change.notBefore);
  return {
    serialNumber: '1',
    issuerName: 'Test CA',
    notBefore: new Date(begin).toISOString(),
    notAfter: new Date(begin + lifetimeMs).toISOString(),
    dnsNames: ['api.c1.example.com'],
    fingerprint: 'f',
    certId: 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE',
    ...change,
  };
}
