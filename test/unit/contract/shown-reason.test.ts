import { expect, test } from 'vitest';
import type { RenewalRequest } from '../../../src/certificates/renewal-request.ts';
import { type BundleState, reasonOf, shownReasonOf } from '../../../src/contract/bundle-record.ts';
import { failureInfo } from '../../../src/failures/failure.ts';
import { mainAttributesOf } from '../../../workflows/cluster/visibility.ts';
import { READY, RENEWAL_TIME, recordOf } from '../../support/workflows/bundle-records.ts';

const POSTPONED = {
  reason: 'Frozen',
  plannedTime: RENEWAL_TIME,
  until: '2026-02-20T00:00:00Z',
  message: 'of the freeze launch',
} as const;
const REQUESTED: RenewalRequest = { requestedAt: RENEWAL_TIME, until: '2026-02-22T00:00:00Z' };
const PAUSED: BundleState = { state: 'Paused' };
const FAILING: BundleState = {
  state: 'Failing',
  nextAttempt: RENEWAL_TIME,
  lastAttempt: {
    failure: failureInfo({ code: 'dns/notDelegated', message: 'The zone is not delegated.' }),
    failedAt: RENEWAL_TIME,
    attempts: 1,
  },
};

test.each([
  ['the state', recordOf(READY), 'Ready'],
  ['a postponement', recordOf(READY, { postponement: POSTPONED }), 'Frozen'],
  ['a request before the pause', recordOf(PAUSED, { renewalRequest: REQUESTED }), 'Requested'],
  ['a request under way', recordOf({ state: 'Renewing' }, { renewalRequest: REQUESTED }), 'Requested'],
  [
    'a request that has expired',
    recordOf(READY, { renewalRequest: { ...REQUESTED, expired: 'None was possible.' } }),
    'RequestExpired',
  ],
  [
    'the failure before all',
    recordOf(FAILING, { renewalRequest: REQUESTED, postponement: POSTPONED }),
    'DnsNotDelegated',
  ],
])('the fleet shows %s', (_what, record, reason) => {
  expect(shownReasonOf(record)).toBe(reason);
  expect(mainAttributesOf({ primary: record }, false, shownReasonOf)).toContainEqual(
    expect.objectContaining({ value: reason, key: expect.objectContaining({ name: 'CertReason' }) as object }),
  );
});

test('a postponement is no reason of its own for an upsert', () => {
  const published = (postponement?: typeof POSTPONED) =>
    mainAttributesOf({ primary: recordOf(READY, { postponement }) }, false, reasonOf);
  expect(published(POSTPONED)).toEqual(published());
});
