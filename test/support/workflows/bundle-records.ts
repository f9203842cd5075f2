import type { BundleFacts, BundleRecord, BundleState } from '../../../src/contract/bundle-record.ts';

export const CERTIFICATE = {
  serialNumber: '42',
  issuerName: 'Test CA',
  notBefore: '2026-01-01T00:00:00Z',
  notAfter: '2026-04-01T00:00:00Z',
  dnsNames: ['api.c1.example.com'],
  fingerprint: 'f',
};

export const RENEWAL_TIME = '2026-02-15T00:00:00Z';
export const PENDING: BundleState = { state: 'Pending' };
export const READY: BundleState = { state: 'Ready', certificate: CERTIFICATE, renewalTime: RENEWAL_TIME };

/** A record in a state, with facts that a test does not care about. */
export const recordOf = (state: BundleState, facts: Partial<BundleFacts> = {}): BundleRecord => ({
  message: 'Seen.',
  since: '2026-01-01T00:00:00Z',
  secretName: 's',
  requestName: 'r',
  dnsNames: [],
  orders: 0,
  issued: [],
  ...facts,
  ...state,
});
