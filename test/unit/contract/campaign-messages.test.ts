import { expect, test } from 'vitest';
import { NO_COUNTS } from '../../../src/campaigns/outcome.ts';
import { isReportedProgress, knownCounts } from '../../../src/contract/campaign-messages.ts';

const reported = (counts: unknown) => ({ number: 0, progress: { counts } });

test('the progress of a wave of another version counts', () => {
  expect(isReportedProgress(reported(NO_COUNTS))).toBe(true);
  const later = { ...NO_COUNTS, replaced: 3, proved: 2, requested: 1 };
  expect(isReportedProgress(reported(later))).toBe(true);
  expect(knownCounts(later)).toEqual({ ...NO_COUNTS, replaced: 3, requested: 3 });
  const earlier: Partial<typeof NO_COUNTS> = { pending: 1, replaced: 2 };
  expect(isReportedProgress(reported(earlier))).toBe(true);
  expect(knownCounts({ ...NO_COUNTS, ...earlier })).toEqual({ ...NO_COUNTS, pending: 1, replaced: 2 });
});

test.each([
  undefined,
  null,
  {},
  [],
  { ...NO_COUNTS, replaced: -1 },
  { ...NO_COUNTS, proved: 'two' },
  Object.fromEntries(Array.from({ length: 33 }, (_, index) => [`kind${index}`, 0])),
])('counts are none of case %#', (counts) => {
  expect(isReportedProgress(reported(counts))).toBe(false);
});
