import type { CertificateFacts } from '../../../src/certificates/certificate-facts.ts';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
/** Default notBefore of test certificates. */
export const NOT_BEFORE = Date.parse('2026-01-01T00:00:00Z');

/** Facts of a certificate with this lifetime. */
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
