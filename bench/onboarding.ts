/** Simulates the onboarding of clusters that are installed in the same minute, under the CA's limit of new orders. */
import {
  type OnboardingOptions,
  type OnboardingResult,
  simulateOnboarding,
} from '../test/support/simulation/onboarding.ts';
import { type Column, columnsTable } from './markdown-table.ts';

/** Last line of the bench, as JSON: of each number of clusters, certman and, for comparison, fixed delays. */
export interface OnboardingBenchResult {
  readonly runs: readonly (OnboardingOptions & OnboardingResult)[];
}

/** Pure: no server, and the same figures each time. @param sizes numbers of clusters. */
export function benchOnboarding(sizes: readonly number[]): OnboardingBenchResult {
  const runs = sizes.flatMap((clusters) =>
    (
      [
        { clusters, policy: 'fixed', workers: 1 },
        { clusters, policy: 'turns', workers: 1 },
        { clusters, policy: 'turns', workers: 2 },
      ] as const
    ).map((options) => ({ ...options, ...simulateOnboarding(options) })),
  );
  process.stdout.write(`\n${table(runs)}\n\n`);
  return { runs };
}

const COLUMNS: readonly Column<OnboardingBenchResult['runs'][number]>[] = [
  ['clusters', ({ clusters }) => clusters],
  ['retries', ({ policy }) => (policy === 'fixed' ? 'fixed delays, each by itself' : 'certman')],
  ['workers', ({ workers }) => workers],
  ['last certificate, days', ({ lastIssuedDays }) => lastIssuedDays.toFixed(2)],
  ["the limit's optimum, days", ({ optimumDays }) => optimumDays.toFixed(2)],
  ['orders refused', ({ rateLimited }) => rateLimited],
  ['promise error p95, s', ({ promiseErrorP95 }) => promiseErrorP95.toFixed(0)],
  ['attempts in a minute, most', ({ attemptsPerMinute }) => attemptsPerMinute],
];

function table(runs: OnboardingBenchResult['runs']): string {
  return columnsTable(COLUMNS, runs);
}
