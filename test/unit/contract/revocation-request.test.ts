import { expect, test } from 'vitest';
import { isRevocationRequest, type RevocationRequest } from '../../../src/contract/revocation-request.ts';

const REQUEST: RevocationRequest = {
  bundleName: 'primary',
  serialNumber: '1000',
  reason: 4,
  replaceFirst: true,
  delayMs: 10_800_000,
};

test.each<[string, unknown, boolean]>([
  ['a request', REQUEST, true],
  ['nothing', undefined, false],
  ['no bundle', { ...REQUEST, bundleName: undefined }, false],
  ['a serial number that is a number', { ...REQUEST, serialNumber: 1000 }, false],
  ['a long serial number', { ...REQUEST, serialNumber: '1'.repeat(601) }, false],
  ['a reason that a subscriber may not state', { ...REQUEST, reason: 6 }, false],
  ['a reason that is text', { ...REQUEST, reason: '4' }, false],
  ['no choice of the order', { ...REQUEST, replaceFirst: undefined }, false],
  ['a delay beyond the last instant that there is', { ...REQUEST, delayMs: 1e300 }, false],
  ['no delay, which JSON has in the place of NaN', { ...REQUEST, delayMs: null }, false],
  ['a delay that is negative', { ...REQUEST, delayMs: -1 }, false],
])('%s', (_what, signal, expected) => {
  expect(isRevocationRequest(signal)).toBe(expected);
});
