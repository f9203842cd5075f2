import { expect, test } from 'vitest';
import {
  isPending,
  type RenewalRequest,
  renewalRequestMessage,
  requestRenewal,
  withdrawn,
  withoutFulfilled,
} from '../../../src/certificates/renewal-request.ts';
import { CERTIFICATE } from '../../support/workflows/bundle-records.ts';

const NOW = Date.parse('2026-12-01T00:00:00Z');
const DAY_MS = 86_400_000;
const OTHER = { ...CERTIFICATE, serialNumber: 'other' };

test('lasts a week; the same again lasts longer, and stays one', () => {
  const first = requestRenewal(undefined, CERTIFICATE, NOW);
  expect(first).toEqual({
    requestedAt: '2026-12-01T00:00:00.000Z',
    until: '2026-12-08T00:00:00.000Z',
    serialNumber: CERTIFICATE.serialNumber,
  });
  const again = requestRenewal(first, CERTIFICATE, NOW + DAY_MS);
  expect(again).toEqual({ ...first, until: '2026-12-09T00:00:00.000Z' });
  const expired: RenewalRequest = { ...first, expired: 'The CA does not answer.' };
  expect(requestRenewal(expired, CERTIFICATE, NOW + 8 * DAY_MS).requestedAt).toBe('2026-12-09T00:00:00.000Z');
});

test('another certificate in the Secret fulfils it, and so does the first one; a lost Secret does not', () => {
  const request = requestRenewal(undefined, CERTIFICATE, NOW);
  expect(withoutFulfilled(request, CERTIFICATE)).toBe(request);
  expect(withoutFulfilled(request, undefined)).toBe(request);
  expect(withoutFulfilled(request, OTHER)).toBeUndefined();
  expect(withoutFulfilled(requestRenewal(undefined, undefined, NOW), CERTIFICATE)).toBeUndefined();
});

test('says until when it is attempted, and once it has expired, why it was not fulfilled', () => {
  const request = requestRenewal(undefined, CERTIFICATE, NOW);
  expect(isPending(request)).toBe(true);
  expect(renewalRequestMessage(request)).toContain('until 2026-12-08T00:00:00.000Z');
  const expired = { ...request, expired: 'The CA does not answer.' };
  expect(isPending(expired)).toBe(false);
  expect(renewalRequestMessage(expired)).toMatch(/expired at 2026-12-08.*The CA does not answer\..*certman renew/);
});

test('is not pending once it is withdrawn, says when it was, and begins anew when it is requested again', () => {
  const request = withdrawn(requestRenewal(undefined, CERTIFICATE, NOW), NOW + DAY_MS);
  expect(isPending(request)).toBe(false);
  expect(renewalRequestMessage(request)).toMatch(/requested at 2026-12-01.* was withdrawn at 2026-12-02/);
  expect(requestRenewal(request, CERTIFICATE, NOW + 2 * DAY_MS)).toEqual(
    requestRenewal(undefined, CERTIFICATE, NOW + 2 * DAY_MS),
  );
});
