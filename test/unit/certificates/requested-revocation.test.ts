import { expect, test } from 'vitest';
import {
  MAX_REQUESTED_REVOCATIONS,
  mayAddRevocation,
  pendingRevocations,
  type RequestedRevocation,
  revocationMessage,
  toReplaceFirst,
  withinTime,
  withRevocation,
} from '../../../src/certificates/requested-revocation.ts';
import { CERTIFICATE } from '../../support/workflows/bundle-records.ts';

const of = (serialNumber: string, more: Partial<RequestedRevocation> = {}): RequestedRevocation => ({
  serialNumber,
  reason: 1,
  replaceFirst: true,
  delayMs: 0,
  requestedAt: '2026-12-01T00:00:00.000Z',
  ...more,
});
const RESULT = { outcome: 'revoked', message: 'Revoked.', at: '2026-12-01T00:01:00.000Z' };

test('one request for each certificate; the oldest settled ones make room, pending ones stay', () => {
  expect(withRevocation([of('1')], of('1', { replaceFirst: false }))).toEqual([of('1', { replaceFirst: false })]);
  const settled = ['1', '2', '3'].map((serial) => of(serial, { result: RESULT }));
  const full = withRevocation([...settled, of('4'), of('5')], of('6'));
  expect(full.map(({ serialNumber }) => serialNumber)).toEqual(['2', '3', '4', '5', '6']);
  expect(full).toHaveLength(MAX_REQUESTED_REVOCATIONS);
  expect(mayAddRevocation(full, '7')).toBe(true);
  const pending = ['1', '2', '3', '4', '5'].map((serial) => of(serial));
  expect(mayAddRevocation(pending, '6')).toBe(false);
  expect(mayAddRevocation(pending, '5')).toBe(true);
  expect(mayAddRevocation([...pending.slice(1), of('6'), of('1', { result: RESULT })], '1')).toBe(false);
  expect(pendingRevocations({ revocations: full }).map(({ serialNumber }) => serialNumber)).toEqual(['4', '5', '6']);
});

test('only a pending one of the certificate in use has that replaced', () => {
  const known = { certificate: CERTIFICATE, issued: [] };
  const { serialNumber } = CERTIFICATE;
  expect(toReplaceFirst({ ...known, revocations: [of(serialNumber)] })).toBeDefined();
  expect(toReplaceFirst({ ...known, revocations: [of(serialNumber, { replaceFirst: false })] })).toBeUndefined();
  expect(toReplaceFirst({ ...known, revocations: [of(serialNumber, { result: RESULT })] })).toBeUndefined();
  expect(toReplaceFirst({ ...known, revocations: [of('other')] })).toBeUndefined();
});

test('says what was requested, what is next, and what has become of it', () => {
  const failure = { code: 'acme/unreachable', message: 'The CA does not answer.', retry: 'transient' } as const;
  const nextAttempt = '2026-12-01T00:02:00.000Z';
  expect(revocationMessage(of('7'))).toMatch(/revoke certificate 7 \(keyCompromise\); it is replaced first/);
  expect(revocationMessage(of('7', { revokeAt: nextAttempt }))).toMatch(/replaced, and revoked at 2026-12-01T00:02/);
  const waiting = { delayMs: 60_000, replacedAt: '2026-12-01T00:01:00.000Z', revokeAt: nextAttempt };
  expect(revocationMessage(of('7', waiting))).toMatch(/revoked at 2026-12-01T00:02.*2026-12-02T00:02.* at the latest/);
  expect(revocationMessage(of('7', { ...waiting, stillServed: 'It serves 7.' }))).toMatch(
    /It serves 7\. That is checked again at 2026-12-01T00:02.*at 2026-12-02T00:02.* at the latest/,
  );
  expect(revocationMessage(of('7', { retry: { failure, attempts: 2, nextAttempt } }))).toMatch(
    /The CA does not answer\. Attempt 2 failed; the next one is at 2026-12-01T00:02/,
  );
  expect(revocationMessage(of('7', { result: RESULT }))).toMatch(/^Certificate 7 was revoked at 2026-12-01T00:01/);
  expect(revocationMessage(of('7', { result: { ...RESULT, outcome: 'unknownToAccount', message: 'No.' } }))).toMatch(
    /it is not revoked\. No\.$/,
  );
});

test('a revocation of another workflow is due no later than one of this workflow could be', () => {
  const now = Date.parse('2026-12-01T00:00:00Z');
  const delayed = of('1', { delayMs: 3 * 3_600_000 });
  const replaced = { ...delayed, replacedAt: '2999-01-01T00:00:00.000Z', revokeAt: '2999-01-01T00:00:00.000Z' };
  expect(withinTime(replaced, now)).toMatchObject({
    replacedAt: '2026-12-01T00:00:00.000Z',
    revokeAt: '2026-12-02T03:00:00.000Z',
  });
  const due = { ...delayed, replacedAt: '2026-11-30T23:00:00.000Z', revokeAt: '2026-12-01T02:00:00.000Z' };
  expect(withinTime(due, now)).toEqual(due);
  expect(withinTime(delayed, now).revokeAt).toBeUndefined();
});
