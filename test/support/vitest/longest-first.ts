/** The order of test files: those that take minutes begin first, so that none of them is left for the end. */
import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The longest first; the others take less than 100 seconds in CI, on two cores. */
const SLOWEST_FILES = [
  'test/stack/e2e/deletion-matrix.test.ts',
  'test/stack/e2e/deferred-renewal.test.ts',
  'test/stack/controller/refused-signals.test.ts',
  'test/stack/controller/ari-poller.test.ts',
  'test/stack/e2e/ari-mass-revocation.test.ts',
  'test/stack/cli/explain-and-history.test.ts',
  'test/stack/e2e/kubernetes-and-temporal-outages.test.ts',
  'test/stack/e2e/bad-input.test.ts',
  'test/workflows/hanging-steps.test.ts',
  'test/stack/e2e/acme-and-dns-outages.test.ts',
  'test/stack/e2e/ca-failover.test.ts',
  'test/stack/e2e/drift.test.ts',
  'test/stack/controller/crl-poller.test.ts',
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
  const rank = SLOWEST_FILES.indexOf(relative('', moduleId));
  return rank < 0 ? SLOWEST_FILES.length : rank;
}
