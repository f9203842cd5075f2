/** Years in the life of a cluster on a server whose clock leaps over waits: what its certificates and workflows come to. */
import type { CertificateFacts } from '../../src/certificates/certificate-facts.ts';
import { issuanceWorkflowId } from '../../workflows/contract.ts';
import type { ActivityDoubles, Call } from './activity-doubles.ts';
import { eventually } from './eventually.ts';
import type { Lab } from './lab.ts';
import { chainFigures, type RunFigures, runFigures } from './run-figures.ts';
import { clusterView } from './views.ts';

const SECOND_MS = 1_000;
const DAY_MS = 86_400_000;
const DAYS_A_YEAR = 365;
const BUNDLE = 'primary';

export interface SimulatedYears {
  /** Lifetime of the certificates, in days. */
  readonly days: number;
  /** Of 365 days each. */
  readonly years: number;
  /** Told after each year: how many have passed, and the renewals so far. */
  readonly progress?: (years: number, renewals: number) => void;
}

export interface LifeFigures {
  /** Lifetime of the certificates, in days. */
  readonly days: number;
  readonly years: number;
  readonly renewals: number;
  /** Renewals in that time if each comes at the instant that was promised of the first. */
  readonly expectedRenewals: number;
  /** Orders at the CA, the first one's included. */
  readonly orders: number;
  /** Most orders between two certificates. */
  readonly mostOrdersPerCycle: number;
  /** Most events in a run of the cluster's workflow. The first run has an issuance and a renewal, the others a renewal. */
  readonly maxEvents: number;
  readonly maxBytes: number;
  /** Most events in the history of an order. */
  readonly maxOrderEvents: number;
  readonly maxOrderBytes: number;
  /** Size of what the cluster's workflow carries from run to run: the first time, and the last. */
  readonly firstStateBytes: number;
  readonly lastStateBytes: number;
  /** What was left of a certificate's life when the next one was issued, at the least. */
  readonly leastDaysLeft: number;
  /** From the instant promised for a renewal to the new certificate, at the most. */
  readonly mostSecondsLate: number;
}

/**
 * Lets a cluster live. The server's clock leaps to the next timer only when no task or activity is under way, so the whole
 * way can be gone in leaps of any length.
 */
export async function liveThrough(lab: Lab, { days, years, progress }: SimulatedYears): Promise<LifeFigures> {
  const { doubles, env } = lab;
  doubles.lifetimeDays = days;
  const view = clusterView();
  const { workflowId, signaledRunId } = await lab.start(view);
  await untilTold(doubles);
  const begin = Date.parse(first(doubles.issued).notBefore);
  for (let year = 1; year <= years; year += 1) {
    await lab.leap(begin + year * DAYS_A_YEAR * DAY_MS - (await env.currentTimeMs()));
    progress?.(year, doubles.issued.length - 1);
  }
  await untilTold(doubles);

  const status = await lab.status(view);
  const runs = await chainFigures(env.client, workflowId, signaledRunId);
  const orders: RunFigures[] = [];
  for (let order = 1; order <= (status.bundles[BUNDLE]?.orders ?? 0); order += 1) {
    orders.push(await runFigures(env.client, issuanceWorkflowId(view.identity, BUNDLE, order)));
  }
  const states = runs.flatMap(({ carriedBytes }) => carriedBytes ?? []);
  return {
    days,
    years,
    ...certificateFigures(doubles, years * DAYS_A_YEAR * DAY_MS),
    maxEvents: most(runs.map(({ events }) => events)),
    maxBytes: most(runs.map(({ bytes }) => bytes)),
    maxOrderEvents: most(orders.map(({ events }) => events)),
    maxOrderBytes: most(orders.map(({ bytes }) => bytes)),
    firstStateBytes: first(states),
    lastStateBytes: first(states.toReversed()),
  };
}

/** The newest certificate is on the resources. Nobody asks the workflow: a query at the wrong moment costs it events. */
async function untilTold({ issued, reports }: ActivityDoubles): Promise<void> {
  await eventually(
    'the newest certificate is told',
    () => Promise.resolve(reports.at(-1)),
    (told) => told?.state === 'Ready' && told.certificate?.serialNumber === issued.at(-1)?.serialNumber,
  );
}

type CertificateFigures = Pick<
  LifeFigures,
  'renewals' | 'expectedRenewals' | 'orders' | 'mostOrdersPerCycle' | 'leastDaysLeft' | 'mostSecondsLate'
>;

function certificateFigures({ issued, reports, calls }: ActivityDoubles, livedMs: number): CertificateFigures {
  const promises = new Map(reports.map(({ certificate, renewalTime }) => [certificate?.serialNumber, renewalTime]));
  const promised = ({ serialNumber }: CertificateFacts): number => Date.parse(promises.get(serialNumber) ?? '');
  const successions = issued.slice(1).map((next, index) => ({ previous: first(issued.slice(index)), next }));
  const orders = ordersPerCycle(calls);
  return {
    renewals: successions.length,
    expectedRenewals: Math.floor(livedMs / (promised(first(issued)) - Date.parse(first(issued).notBefore))),
    orders: orders.reduce((sum, count) => sum + count, 0),
    mostOrdersPerCycle: most(orders),
    leastDaysLeft: Math.min(
      ...successions.map(({ previous, next }) => (Date.parse(previous.notAfter) - Date.parse(next.notBefore)) / DAY_MS),
    ),
    mostSecondsLate: most(
      successions.map(({ previous, next }) => (Date.parse(next.notBefore) - promised(previous)) / SECOND_MS),
    ),
  };
}

/** Orders placed up to each certificate, and since the last one. */
function ordersPerCycle(calls: readonly Call[]): readonly number[] {
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

function most(values: readonly number[]): number {
  return Math.max(...values);
}
