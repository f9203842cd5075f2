/** Simulates the onboarding of clusters that are installed in the same minute, under the CA's limits. */
import {
  type OnboardingOptions,
  type OnboardingPolicy,
  type OnboardingResult,
  simulateOnboarding,
} from '../test/support/simulation/onboarding.ts';
import { type Column, columnsTable } from './markdown-table.ts';

/** Last line of the bench, as JSON: of each number of clusters, each policy, with and without the limit of domains. */
export interface OnboardingBenchResult {
  readonly runs: readonly (OnboardingOptions & OnboardingResult)[];
}

/** So many below a registered domain, where the limit of domains is simulated: four times the limit of a week. */
const CLUSTERS_PER_DOMAIN = 200;

/** Clusters that are simulated with fixed delays under the limit of domains. */
const MAX_FIXED_CLUSTERS = 1_000;

/** Pure: no server, and the same figures each time. @param sizes numbers of clusters. */
export function benchOnboarding(sizes: readonly number[]): OnboardingBenchResult {
  const runs = sizes.flatMap((clusters) =>
    (
      [
        { clusters, policy: 'fixed', workers: 1 },
        { clusters, policy: 'turns', workers: 1 },
        { clusters, policy: 'turns', workers: 2 },
        { clusters, policy: 'budget', workers: 2 },
        // Of 10,000, millions of attempts in a year.
        ...(clusters <= MAX_FIXED_CLUSTERS
          ? [{ clusters, policy: 'fixed', workers: 1, domains: Math.ceil(clusters / CLUSTERS_PER_DOMAIN) } as const]
          : []),
        { clusters, policy: 'budget', workers: 2, domains: Math.ceil(clusters / CLUSTERS_PER_DOMAIN) },
      ] as const
    ).map((options) => ({ ...options, ...simulateOnboarding(options) })),
  );
  process.stdout.write(`\n${table(runs)}\n\n`);
  return { runs };
}

const POLICIES: Readonly<Record<OnboardingPolicy, string>> = {
  fixed: 'fixed delays, each by itself',
  jitter: 'retry schedule alone',
  turns: 'turns after the first refusal',
  budget: 'one budget',
};

const COLUMNS: readonly Column<OnboardingBenchResult['runs'][number]>[] = [
  ['clusters', ({ clusters }) => clusters],
  ['domains', ({ domains }) => (domains === undefined ? 'one, raised' : domains)],
  ['policy', ({ policy }) => POLICIES[policy]],
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
