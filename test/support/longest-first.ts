/** The order of test files: those that take minutes begin first, so that none of them is left for the end. */
import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The longest first; all others take less than a minute. */
const LONGEST = [
  'test/stack/life/deletion-matrix.test.ts',
  'test/stack/life/held-up.test.ts',
  'test/stack/watch/renewal-windows.test.ts',
  'test/stack/life/mass-revocation.test.ts',
  'test/stack/life/bad-input.test.ts',
  'test/stack/life/outages.test.ts',
  'test/stack/life/drift.test.ts',
  'test/workflows/ten-years.test.ts',
];

export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((one, other) => groupOf(one) - groupOf(other) || rankOf(one) - rankOf(other));
  }
}

function groupOf({ project }: TestSpecification): number {
  return project.config.sequence.groupOrder;
}

function rankOf({ moduleId }: TestSpecification): number {
  const rank = LONGEST.indexOf(relative('', moduleId));
  return rank < 0 ? LONGEST.length : rank;
}
