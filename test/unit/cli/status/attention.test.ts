import { expect, test } from 'vitest';
import {
  attentionCondition,
  isCountedAtRest,
  needsAttention,
  restCondition,
  withoutThoseAtRest,
} from '../../../../src/cli/status/attention.ts';
import { type FleetReport, type FleetRow, formatFleet } from '../../../../src/cli/status/status-view.ts';

const NOW = Date.parse('2026-12-01T00:00:00Z');
const AT_REST: FleetRow = {
  cluster: 'ns/c',
  state: 'Ready',
  reason: 'Ready',
  notAfter: '2027-02-01T00:00:00Z',
  renewalTime: '2027-01-01T00:00:00Z',
};

test.each<[boolean, string, Partial<FleetRow>]>([
  [false, 'at rest', {}],
  [false, 'at rest, by its resources', { reason: 'Issued' }],
  [false, 'of certman-operator', { reason: undefined, renewalTime: undefined }],
  [true, 'at rest but for another certificate', { also: [{ bundle: 'apps', reason: 'DnsNotDelegated' }] }],
  [true, 'failing', { state: 'Failing', reason: 'DnsNotDelegated' }],
  [true, 'renewed now', { state: 'Renewing', reason: 'Renewing' }],
  [true, 'paused', { state: 'Paused', reason: 'Paused' }],
  [true, 'in a state that this version does not know', { state: 'Other' }],
  [true, 'postponed', { reason: 'Frozen' }],
  [true, 'a request that has expired', { reason: 'RequestExpired' }],
  [true, 'late', { renewalTime: '2026-11-30T00:00:00Z' }],
  [true, 'due at this instant', { renewalTime: '2026-12-01T00:00:00Z' }],
  [true, 'without a certificate', { notAfter: undefined, renewalTime: undefined }],
  [true, 'a malformed instant', { renewalTime: 'soon' }],
  [true, 'expired, whatever is planned', { notAfter: '2026-11-30T00:00:00Z' }],
])('attention %s: %s', (expected, _what, change) => {
  expect(needsAttention({ ...AT_REST, ...change }, NOW)).toBe(expected);
});

test('the query names what is missing: a comparison with it is not true', () => {
  const condition = attentionCondition(NOW);
  for (const name of ['CertState', 'CertReason', 'CertRenewAt']) expect(condition).toContain(`${name} IS NULL`);
  expect(condition).toContain('CertAlso IS NOT NULL');
  for (const name of ['CertRenewAt', 'CertExpiry'])
    expect(condition).toContain(`${name} <= '2026-12-01T00:00:00.000Z'`);
});

test('the opposite asks of the same fields, none of them missing', () => {
  expect(restCondition(NOW)).toBe(
    `(CertState = 'Ready' AND CertReason = 'Ready' AND CertRenewAt > '2026-12-01T00:00:00.000Z' AND CertExpiry > '2026-12-01T00:00:00.000Z' AND CertAlso IS NULL)`,
  );
});

test.each<[boolean, string, Partial<FleetRow>]>([
  [true, 'all as it should be', {}],
  [false, 'another reason', { reason: 'Frozen' }],
  [false, 'no reason, which the query lists', { reason: undefined }],
  [false, 'no instant of a renewal', { renewalTime: undefined }],
  [false, 'an expired certificate', { notAfter: '2026-11-30T00:00:00Z' }],
  [false, 'another certificate', { also: [{ bundle: 'apps', reason: 'DnsNotDelegated' }] }],
])('the opposite is %s of a cluster with %s', (expected, _what, change) => {
  expect(isCountedAtRest({ ...AT_REST, ...change }, NOW)).toBe(expected);
});

test('the table names what was requested beside the reason, and counts other certificates; wide has all', () => {
  const also = [
    { bundle: 'api', reason: 'Requested' },
    { bundle: 'apps', reason: 'AcmeUnreachable' },
    { bundle: 'apps', reason: 'Requested' },
  ];
  const fleet: FleetReport = { source: 'kubernetes', clusters: [{ ...FAILING, also }] };
  expect(formatFleet(fleet)).toMatch(/ DnsNotDelegated, Requested, \+1 more {2}/);
  expect(formatFleet(fleet, true)).toMatch(
    / DnsNotDelegated {2}.* api: Requested, apps: AcmeUnreachable, apps: Requested/,
  );
  expect(formatFleet({ ...fleet, clusters: [FAILING] })).toMatch(/ DnsNotDelegated {2}/);
});

function fleetOf(atRest: number, more: readonly FleetRow[] = []): FleetReport {
  const clusters = Array.from({ length: atRest }, (_, index) => ({ ...AT_REST, cluster: `ns/c${index}` }));
  return { source: 'kubernetes', clusters: [...clusters, ...more] };
}

const FAILING: FleetRow = { ...AT_REST, cluster: 'ns/failing', state: 'Failing', reason: 'DnsNotDelegated' };

test('a table of a hundred clusters has all; one of more counts those at rest', () => {
  expect(withoutThoseAtRest(fleetOf(99, [FAILING]), NOW).clusters).toHaveLength(100);
  const postponed = { ...AT_REST, cluster: 'ns/postponed', reason: 'OutsideWindow' };
  const short = withoutThoseAtRest(fleetOf(120, [postponed, FAILING]), NOW);
  expect(short.clusters.map(({ cluster }) => cluster).sort()).toEqual(['ns/failing', 'ns/postponed']);
  const [head, hint, , columns, first, second, ...rest] = formatFleet(short).split('\n');
  expect(head).toBe('122 clusters: 1 Failing, 121 Ready.');
  expect(hint).toBe('Below are the 2 that fail, wait or are due; --all shows all.');
  expect(columns).toMatch(/^CLUSTER +STATE +REASON/);
  expect(first).toMatch(/^ns\/failing +Failing +DnsNotDelegated/);
  expect(second).toMatch(/^ns\/postponed +Ready +OutsideWindow/);
  expect(rest).toEqual([]);
});

test('a fleet at rest has no table, also when the server has counted it', () => {
  const counted = { source: 'temporal', clusters: [], atRest: 10_000, among: 'in namespace ns' } as const;
  expect(formatFleet(withoutThoseAtRest(counted, NOW))).toBe(
    '10000 clusters in namespace ns: 10000 Ready.\nNone fails, waits or is due; --all shows all.',
  );
  expect(formatFleet({ ...counted, problem: 'The CRD is outdated.' })).toMatch(
    /^The CRD is outdated\.\n\n10000 clusters/,
  );
});
