/** Simulates years of a cluster's workflows on a time-skipping server, and measures certificates and histories. */
import type { CertificateFacts } from '../../../src/certificates/certificate-facts.ts';
import { issuanceWorkflowId } from '../../../src/contract/ids.ts';
import { chainStats, type RunStats, runStats } from '../temporal/run-stats.ts';
import { eventually } from '../vitest/eventually.ts';
import type { ActivityCall, ActivityDoubles } from '../workflows/activity-doubles.ts';
import { clusterView } from '../workflows/cluster-views.ts';
import type { WorkflowHarness } from '../workflows/harness.ts';

const SECOND_MS = 1_000;
const DAY_MS = 86_400_000;
const DAYS_PER_YEAR = 365;
const BUNDLE = 'primary';

export interface SimulationOptions {
  /** Lifetime of the certificates, in days. */
  readonly days: number;
  /** Years of 365 days. */
  readonly years: number;
  /** Called after each year with the years passed and the renewals so far. */
  readonly progress?: (years: number, renewals: number) => void;
}

export interface SimulationStats {
  /** Lifetime of the certificates, in days. */
  readonly days: number;
  readonly years: number;
  readonly renewals: number;
  /** Renewals in that time if each comes after the interval planned for the first. */
  readonly expectedRenewals: number;
  /** Orders at the CA, including the first one. */
  readonly orders: number;
  /** Most orders between two certificates. */
  readonly mostOrdersPerCycle: number;
  /** Most events in a run of the cluster's workflow. The first run has an issuance and a renewal, the others a renewal. */
  readonly maxEvents: number;
  readonly maxBytes: number;
  /** Most events in the history of an order. */
  readonly maxOrderEvents: number;
  readonly maxOrderBytes: number;
  /** Size of the state that the cluster's workflow passes to its next run: the first time and the last. */
  readonly firstStateBytes: number;
  readonly lastStateBytes: number;
  /** Least remaining lifetime of a certificate when the next one was issued. */
  readonly leastDaysLeft: number;
  /** Longest time from the planned instant of a renewal to the new certificate. */
  readonly mostSecondsLate: number;
}

/**
 * Runs a cluster's workflow for years. The server skips to the next timer only when no task or activity is pending, so time can
 * be advanced in steps of any length.
 */
export async function simulateYears(
  lab: WorkflowHarness,
  { days, years, progress }: SimulationOptions,
): Promise<SimulationStats> {
  const { doubles, env } = lab;
  doubles.lifetimeDays = days;
  const view = clusterView();
  const { workflowId, signaledRunId } = await lab.start(view);
  await waitForReport(doubles);
  const begin = Date.parse(first(doubles.issued).notBefore);
  for (let year = 1; year <= years; year += 1) {
    await lab.advanceTime(begin + year * DAYS_PER_YEAR * DAY_MS - (await env.currentTimeMs()));
    progress?.(year, doubles.issued.length - 1);
  }
  await waitForReport(doubles);

  const status = await lab.status(view);
  const runs = await chainStats(env.client, workflowId, signaledRunId);
  const orders: RunStats[] = [];
  for (let order = 1; order <= (status.bundles[BUNDLE]?.orders ?? 0); order += 1) {
    orders.push(await runStats(env.client, issuanceWorkflowId(view.identity, BUNDLE, order)));
  }
  const states = runs.flatMap(({ carriedBytes }) => carriedBytes ?? []);
  return {
    days,
    years,
    ...certificateStats(doubles, years * DAYS_PER_YEAR * DAY_MS),
    maxEvents: max(runs.map(({ events }) => events)),
    maxBytes: max(runs.map(({ bytes }) => bytes)),
    maxOrderEvents: max(orders.map(({ events }) => events)),
    maxOrderBytes: max(orders.map(({ bytes }) => bytes)),
    firstStateBytes: first(states),
    lastStateBytes: first(states.toReversed()),
  };
}

/** Waits for the newest certificate in a status report. No query, because queries can add events to the history. */
async function waitForReport({ issued, reports }: ActivityDoubles): Promise<void> {
  await eventually(
    'the newest certificate is reported',
    () => Promise.resolve(reports.at(-1)),
    (report) => report?.state === 'Ready' && report.certificate?.serialNumber === issued.at(-1)?.serialNumber,
  );
}

type CertificateStats = Pick<
  SimulationStats,
  'renewals' | 'expectedRenewals' | 'orders' | 'mostOrdersPerCycle' | 'leastDaysLeft' | 'mostSecondsLate'
>;

function certificateStats({ issued, reports, calls }: ActivityDoubles, livedMs: number): CertificateStats {
  const promises = new Map(reports.map(({ certificate, renewalTime }) => [certificate?.serialNumber, renewalTime]));
  const promised = ({ serialNumber }: CertificateFacts): number => Date.parse(promises.get(serialNumber) ?? '');
  const successions = issued.slice(1).map((next, index) => ({ previous: first(issued.slice(index)), next }));
  const orders = ordersPerCycle(calls);
  return {
    renewals: successions.length,
    expectedRenewals: Math.floor(livedMs / (promised(first(issued)) - Date.parse(first(issued).notBefore))),
    orders: orders.reduce((sum, count) => sum + count, 0),
    mostOrdersPerCycle: max(orders),
    leastDaysLeft: Math.min(
      ...successions.map(({ previous, next }) => (Date.parse(previous.notAfter) - Date.parse(next.notBefore)) / DAY_MS),
    ),
    mostSecondsLate: max(
      successions.map(({ previous, next }) => (Date.parse(next.notBefore) - promised(previous)) / SECOND_MS),
    ),
  };
}

/** Orders placed up to each certificate, and since the last one. */
function ordersPerCycle(calls: readonly ActivityCall[]): readonly number[] {
  const counts: number[] = [];
  let count = 0;
  for (const { activity } of calls) {
    if (activity === 'placeOrder') count += 1;
    if (activity !== 'installCertificate') continue;
    counts.push(count);
    count = 0;
  }
  return [...counts, count];
}

function first<T>(values: readonly T[]): T {
  const [value] = values;
  if (value === undefined) throw new RangeError('the cluster was to have been issued and renewed a certificate');
  return value;
}

function max(values: readonly number[]): number {
  return Math.max(...values);
}
