import { expect, test } from 'vitest';
import type { RenewalRequest } from '../../../src/certificates/renewal-request.ts';
import type { RequestedRevocation } from '../../../src/certificates/requested-revocation.ts';
import { alsoOf, alsoText, parseAlso } from '../../../src/contract/also.ts';
import type { BundleFacts, BundleRecord, BundleState } from '../../../src/contract/bundle-record.ts';
import type { PendingCampaign } from '../../../src/contract/campaign-request.ts';
import { type FailureCode, failureInfo } from '../../../src/failures/failure.ts';
import { PENDING, READY, RENEWAL_TIME, recordOf } from '../../support/workflows/bundle-records.ts';

const REQUESTED: RenewalRequest = { requestedAt: RENEWAL_TIME, until: '2026-02-22T00:00:00Z' };
const REVOCATION: RequestedRevocation = {
  serialNumber: '1',
  reason: 4,
  replaceFirst: true,
  delayMs: 0,
  requestedAt: RENEWAL_TIME,
};
const RESULT = { outcome: 'revoked', message: 'Revoked.', at: RENEWAL_TIME };
const CAMPAIGN: PendingCampaign = { campaign: 'c', wave: 'w', item: 0, bundleName: 'b', serialNumber: '1' };

function attempted(state: 'Failing' | 'Waiting' | 'Renewing', code: FailureCode, facts: Partial<BundleFacts> = {}) {
  const lastAttempt = {
    failure: failureInfo({ code, message: 'It failed.' }),
    failedAt: RENEWAL_TIME,
    attempts: 1,
  };
  return recordOf({ state, lastAttempt, nextAttempt: RENEWAL_TIME } as BundleState, facts);
}

/** Of two bundles, as texts; `a` is the one that is shown. */
function alsoTexts(a: BundleRecord, b: BundleRecord): readonly string[] {
  return alsoOf({ b, a }, a).map(alsoText);
}

test.each<[string, BundleRecord, BundleRecord, readonly string[]]>([
  ['at rest', recordOf(READY), recordOf(READY), []],
  ['a request that its reason shows', recordOf(READY, { renewalRequest: REQUESTED }), recordOf(READY), []],
  [
    'requests of a bundle that fails',
    attempted('Failing', 'dns/notDelegated', {
      renewalRequest: REQUESTED,
      revocations: [REVOCATION],
      campaigns: [CAMPAIGN],
    }),
    recordOf(READY),
    ['a: Requested', 'a: RevocationRequested', 'a: CampaignRequested'],
  ],
  [
    'requests that are settled',
    attempted('Failing', 'dns/notDelegated', {
      renewalRequest: { ...REQUESTED, withdrawnAt: RENEWAL_TIME },
      revocations: [{ ...REVOCATION, result: RESULT }],
    }),
    recordOf(READY),
    [],
  ],
  [
    'another bundle that fails, also while it is attempted again',
    attempted('Failing', 'dns/notDelegated'),
    attempted('Renewing', 'acme/unreachable'),
    ['b: AcmeUnreachable'],
  ],
  [
    'another bundle that waits for its turn, which comes by itself',
    attempted('Failing', 'dns/notDelegated'),
    attempted('Waiting', 'rateLimit/newOrders'),
    [],
  ],
  ['another bundle on its way', recordOf(PENDING), recordOf(PENDING), []],
  [
    'another bundle whose request has expired',
    attempted('Failing', 'dns/notDelegated'),
    recordOf(READY, { renewalRequest: { ...REQUESTED, expired: 'None was possible.' } }),
    ['b: RequestExpired'],
  ],
])('beside the reason, a list has %s', (_what, a, b, texts) => {
  expect(alsoTexts(a, b)).toEqual(texts);
});

test.each(['x', 'Ж', '証', '\u{1F512}'])('a list has ten, with short names of %s, and reads them back', (character) => {
  const records = Object.fromEntries(
    Array.from({ length: 12 }, (_, index) => [
      `${index}: ${character.repeat(90)}`,
      recordOf(READY, { campaigns: [CAMPAIGN] }),
    ]),
  );
  const also = alsoOf(records, undefined);
  expect(also).toHaveLength(10);
  expect(also.map(alsoText).map(parseAlso)).toEqual(also);
  expect(Math.max(...also.map((one) => Buffer.byteLength(alsoText(one))))).toBeLessThan(100);
  expect(also.map(({ bundle }) => bundle)).toEqual(also.map(({ bundle }) => bundle.toWellFormed()));
  expect(parseAlso('Other')).toEqual({ bundle: '', reason: 'Other' });
});
