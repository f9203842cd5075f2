import type { CertificateFacts } from '../../../src/certificates/certificate-facts.ts';

const DAY_MS = 86_400_000;

/** A certificate of the default names that certman did not issue, with so many of its 90 days left. */
export function foreignCertificate(daysLeft: number): CertificateFacts {
  const now = Date.now();
  return {
    serialNumber: '77',
    issuerName: 'Test CA',
    notBefore: new Date(now - (90 - daysLeft) * DAY_MS).toISOString(),
    notAfter: new Date(now + daysLeft * DAY_MS).toISOString(),
    dnsNames: ['api.c1.example.com', '*.apps.c1.example.com'],
    fingerprint: 'fingerprint-of-77',
    certId: 'id.77',
  };
}
