import { expect, test } from 'vitest';
import { reportDigest, statusReportOf } from '../../../src/contract/status-report.ts';
import { READY, recordOf } from '../../support/workflows/bundle-records.ts';

const NOW = Date.parse('2026-02-01T00:00:00Z');

test('recorded digests hold: what reports did not have at first is no part of them', () => {
  const report = statusReportOf('primary', recordOf(READY), 'cluster/hive/ns/c1/u', NOW);
  const first = ['Ready', 'Renewing', 'Failing', 'ExpiryNear', 'ObjectWriteFailing'];
  const before = { ...report, conditions: report.conditions.filter(({ type }) => first.includes(type)) };
  expect(before.conditions).toHaveLength(first.length);
  expect(reportDigest(report)).toBe(reportDigest(before));
  const installation = { time: '2026-01-01T00:00:00Z' };
  expect(reportDigest({ ...report, installation, observedGeneration: 2 })).toBe(reportDigest(before));
  expect(reportDigest({ ...report, renewalTime: '2026-03-01T00:00:00Z' })).not.toBe(reportDigest(before));
});
