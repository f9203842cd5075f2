/** Simulates years of a cluster for certificates of several lifetimes. */
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { bundlerOptions, WORKFLOWS_PATH } from '../src/worker/workflow-code.ts';
import { type SimulationStats, simulateYears } from '../test/support/simulation/simulated-years.ts';
import { startTimeSkippingEnvironment } from '../test/support/temporal/temporal-server.ts';
import { withWorkflowHarness } from '../test/support/workflows/harness.ts';
import { type Column, columnsTable } from './markdown-table.ts';
import { round } from './statistics.ts';

/** Options of {@link benchLifetime}. */
export interface LifetimeBenchOptions {
  readonly years: number;
  /** Lifetimes of certificates, in days. */
  readonly days: readonly number[];
}

/** Last line of the bench, as JSON. */
export interface LifetimeBenchResult {
  readonly lifetimes: readonly (SimulationStats & { readonly seconds: number })[];
}

/** Runs the real workflows on a time-skipping server; the CA, DNS and the API server are doubles that respond at once. */
export async function benchLifetime({ years, days }: LifetimeBenchOptions): Promise<LifetimeBenchResult> {
  const env = await startTimeSkippingEnvironment();
  const lifetimes: LifetimeBenchResult['lifetimes'][number][] = [];
  try {
    const code = await bundleWorkflowCode({
      ...bundlerOptions(WORKFLOWS_PATH),
      logger: new DefaultLogger('ERROR'),
    });
    for (const lifetime of days) {
      const begin = performance.now();
      const progress = (year: number, renewals: number): void => {
        const seconds = Math.round((performance.now() - begin) / 1000);
        process.stderr.write(`[${lifetime} days] year ${year} of ${years}: ${renewals} renewals, ${seconds} s\n`);
      };
      const figures = await withWorkflowHarness(env, code, (lab) =>
        simulateYears(lab, { days: lifetime, years, progress }),
      );
      lifetimes.push({
        ...figures,
        leastDaysLeft: round(figures.leastDaysLeft, 3),
        mostSecondsLate: round(figures.mostSecondsLate, 3),
        seconds: Math.round((performance.now() - begin) / 1000),
      });
    }
  } finally {
    await env.teardown();
  }
  process.stdout.write(`\n${table(lifetimes)}\n\n`);
  return { lifetimes };
}

const COLUMNS: readonly Column<LifetimeBenchResult['lifetimes'][number]>[] = [
  ['lifetime, days', ({ days }) => days],
  ['years', ({ years }) => years],
  ['renewals', ({ renewals }) => renewals],
  ['promised', ({ expectedRenewals }) => expectedRenewals],
  ['orders', ({ orders }) => orders],
  ['life left at a renewal, days', ({ leastDaysLeft }) => leastDaysLeft.toFixed(1)],
  ['late by, s', ({ mostSecondsLate }) => mostSecondsLate.toFixed(1)],
  ['events: cluster', ({ maxEvents }) => maxEvents],
  ['events: order', ({ maxOrderEvents }) => maxOrderEvents],
  ['KiB: cluster', ({ maxBytes }) => kibibytes(maxBytes)],
  ['KiB: order', ({ maxOrderBytes }) => kibibytes(maxOrderBytes)],
  ['state, bytes', ({ firstStateBytes, lastStateBytes }) => `${firstStateBytes} → ${lastStateBytes}`],
  ['took, s', ({ seconds }) => seconds],
];

function table(lifetimes: LifetimeBenchResult['lifetimes']): string {
  return columnsTable(COLUMNS, lifetimes);
}

function kibibytes(bytes: number): string {
  return (bytes / 1024).toFixed(1);
}
