import { describe, expect, test } from 'vitest';
import type { RequestedRevocation } from '../../../../src/certificates/requested-revocation.ts';
import {
  checkRevocationFlags,
  planRevocation,
  planText,
  type RevocationFlags,
} from '../../../../src/cli/revoke/plan-revocation.ts';
import type { BundleFacts } from '../../../../src/contract/bundle-record.ts';
import type { ClusterStatus } from '../../../../src/contract/cluster-certificates.ts';
import { CERTIFICATE, PENDING, READY, recordOf } from '../../../support/workflows/bundle-records.ts';
import { bundleView, clusterView } from '../../../support/workflows/cluster-views.ts';

const NOW = Date.parse(CERTIFICATE.notBefore) + 86_400_000;
const IN_USE = CERTIFICATE.serialNumber;
const OLDER = { serialNumber: '291', notAfter: CERTIFICATE.notAfter };
const EXPIRED = { serialNumber: '4', notAfter: CERTIFICATE.notBefore };
const REVOKED: RequestedRevocation = {
  serialNumber: '291',
  reason: 4,
  replaceFirst: false,
  delayMs: 0,
  requestedAt: '2026-12-01T00:00:00.000Z',
  result: { outcome: 'revoked', message: 'Revoked.', at: '2026-12-01T00:00:01.000Z' },
};

function statusOf(facts: Partial<BundleFacts> = {}, more: Partial<ClusterStatus> = {}): ClusterStatus {
  const record = recordOf(READY, { certificate: CERTIFICATE, issued: [OLDER, EXPIRED], ...facts });
  return { cluster: clusterView(), decommissioning: false, bundles: { primary: record }, ...more };
}

const plan = (flags: Partial<RevocationFlags> = {}, status = statusOf()) =>
  planRevocation(status, { reason: 'superseded', ...flags }, NOW);

describe('plans', () => {
  test('to replace the one in use first, and to revoke it when Hive has brought the new one', () => {
    expect(plan()).toMatchObject({ serialNumber: IN_USE, inUse: true, replaceFirst: true, delayMs: 3 * 3_600_000 });
    expect(plan({ reason: 'keyCompromise' })).toMatchObject({ reason: 1, delayMs: 0 });
    expect(plan({ revokeAfter: '5m' }).delayMs).toBe(300_000);
    expect(planText(plan())).toMatch(
      /replace certificate .* and revoke it 180 minutes later, or once the cluster serves/,
    );
  });

  test('to revoke at once with --now, and one that is not in use, by its hexadecimal serial number', () => {
    expect(plan({ now: true })).toMatchObject({ inUse: true, replaceFirst: false, delayMs: 0 });
    expect(planText(plan({ now: true }))).toContain('clients may refuse it');
    const older = plan({ serial: '01:23' });
    expect(older).toMatchObject({ serialNumber: '291', inUse: false, replaceFirst: false, delayMs: 0 });
    expect(planText(older)).toContain('not in use');
  });
});

describe('refuses', () => {
  const second = { ...clusterView(), bundles: [bundleView('primary', 'a.test'), bundleView('second', 'b.test')] };
  const two = statusOf({}, { cluster: second, bundles: { ...statusOf().bundles, second: recordOf(READY, {}) } });
  test.each<[string, Partial<RevocationFlags>, ClusterStatus, RegExp]>([
    ['what is not of this cluster', { serial: '99' }, statusOf(), /neither issued nor adopted certificate 99.*history/],
    ['what has expired', { serial: '4' }, statusOf(), /expired at/],
    [
      'what it has revoked',
      { serial: '291' },
      statusOf({ revocations: [REVOKED] }),
      /revoked already, since 2026-12-01/,
    ],
    ['what the CA has revoked', {}, statusOf({ revokedSerialNumber: IN_USE }), /revoked already/],
    [
      'a sixth while five are pending',
      {},
      statusOf({
        revocations: ['11', '12', '13', '14', '15'].map((serialNumber) => ({
          ...REVOKED,
          serialNumber,
          result: undefined,
        })),
      }),
      /has 5 requested revocations that are pending/,
    ],
    ['no serial number', { serial: 'twelve' }, statusOf(), /--serial is "twelve"/],
    ['an unknown bundle', { bundle: 'other' }, statusOf(), /no bundle other; it has primary/],
    ['one of several bundles', {}, two, /several bundles; expected --serial, or --bundle/],
    ['a wrong delay', { revokeAfter: 'soon' }, statusOf(), /--revoke-after is "soon"/],
    ['a deleted cluster', {}, statusOf({}, { decommissioning: true }), /being deleted/],
    ['a paused cluster', {}, statusOf({}, { cluster: { ...clusterView(), paused: true } }), /nothing is revoked/],
    [
      'a bundle without a certificate',
      {},
      statusOf({}, { bundles: { primary: recordOf(PENDING) } }),
      /has no certificate/,
    ],
  ])('%s', (_what, flags, status, message) => {
    expect(() => plan(flags, status)).toThrow(message);
  });
});

test('flags that fit no certificate are refused without its status', () => {
  expect(() => checkRevocationFlags({ reason: 'superseded', revokeAfter: 'soon' })).toThrow('--revoke-after is "soon"');
  expect(() => checkRevocationFlags({ reason: 'superseded', serial: 'xyz' })).toThrow('--serial is "xyz"');
  expect(() => checkRevocationFlags({ reason: 'superseded', revokeAfter: '3h', serial: '04:9f' })).not.toThrow();
});
