import { expect, test } from 'vitest';
import { pendingRenewals, requireBundle, withdrawalText } from '../../../src/cli/withdraw-renewals.ts';
import { CERTIFICATE, READY, recordOf } from '../../support/workflows/bundle-records.ts';
import { clusterView } from '../../support/workflows/cluster-views.ts';

const RENEWAL = { requestedAt: '2026-12-01T00:00:00.000Z', until: '2026-12-08T00:00:00.000Z', serialNumber: '7' };
const pendingOf = (renewalRequest: object | undefined, more: object = {}, only?: string) =>
  pendingRenewals(
    {
      cluster: clusterView(),
      decommissioning: false,
      bundles: {
        primary: {
          ...recordOf(READY, { certificate: CERTIFICATE, ...(renewalRequest && { renewalRequest }) } as never),
          ...more,
        } as never,
      },
    },
    only,
  );

test('withdraws what is pending: not what was fulfilled, has expired or was withdrawn, and only of the bundle that is named', () => {
  expect(pendingOf(RENEWAL)).toEqual([{ bundleName: 'primary', requestedAt: RENEWAL.requestedAt, isOrdered: false }]);
  expect(pendingOf(RENEWAL, {}, 'primary')).toHaveLength(1);
  expect(pendingOf(RENEWAL, {}, 'other')).toEqual([]);
  expect(pendingOf(undefined)).toEqual([]);
  expect(pendingOf({ ...RENEWAL, expired: 'x' })).toEqual([]);
  expect(pendingOf({ ...RENEWAL, withdrawnAt: RENEWAL.until })).toEqual([]);
});

test('a name that is no bundle is an error, and lists those that there are', () => {
  const bundles = { primary: recordOf(READY), other: recordOf(READY) };
  expect(() => requireBundle({ bundles }, 'primry')).toThrow('It has no bundle primry; it has primary, other.');
  expect(() => requireBundle({ bundles }, 'other')).not.toThrow();
  expect(() => requireBundle({ bundles: {} }, undefined)).not.toThrow();
});

test('says what it withdraws, and that an order under way goes on', () => {
  expect(withdrawalText('would withdraw', pendingOf(RENEWAL))).toBe(
    'would withdraw the renewal of primary that was requested at 2026-12-01T00:00:00.000Z',
  );
  expect(withdrawalText('withdrew', pendingOf(RENEWAL, { state: 'Renewing' }))).toMatch(
    /its order is under way and goes on$/,
  );
});
