/** An order of unit tests, and the certificate that it ends with. */
import type { CertificateFacts } from '../../../src/certificates/certificate-facts.ts';
import type { PendingChallenge } from '../../../src/contract/activities/acme.ts';

export const ISSUED_CERTIFICATE: CertificateFacts = {
  serialNumber: '1',
  issuerName: 'Test CA',
  notBefore: '2026-11-01T00:00:00.000Z',
  notAfter: '2027-01-30T00:00:00.000Z',
  dnsNames: ['example.com'],
  fingerprint: 'f',
};

export const PENDING_CHALLENGE: PendingChallenge = {
  identifier: 'example.com',
  wildcard: false,
  authorizationUrl: 'https://ca.test/authz/1',
  challengeUrl: 'https://ca.test/challenge/1',
  record: { name: '_acme-challenge.example.com', value: 'proof', seal: 'seal' },
};
