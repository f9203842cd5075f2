/** What `certman report` says, from what was read. Pure. Instants are RFC 3339. */

import type { BudgetReport } from '../budget/read-budgets.ts';
import type { FleetRow } from '../status/status-view.ts';

const DAY_MS = 86_400_000;
/** Certificates of up to 200 days, and what is later, fit. */
const WEEKS_AHEAD = 26;
/** Beyond that, the chart of a period is by weeks. */
const MAX_DAYS_BY_DAY = 62;

/** From when until when: epoch milliseconds, the end excluded. */
export interface Period {
  readonly from: number;
  readonly to: number;
}

/** An order that ended in the period. */
export interface EndedOrder {
  /** `<namespace>/<name>`. */
  readonly cluster: string;
  readonly at: string;
  /** Whether a certificate was issued. */
  readonly issued: boolean;
  /** An `OrderReason`. */
  readonly reason?: string | undefined;
  /** The first ten. */
  readonly dnsNames: readonly string[];
}

/** A certificate that a decommission revoked in the period. */
export interface Revocation {
  readonly cluster: string;
  readonly at: string;
  readonly serialNumber: string;
}

/** Why a certificate is not as it should be, and what happens next. */
export interface Problem {
  readonly cluster: string;
  readonly bundle: string;
  readonly state: string;
  readonly reason?: string | undefined;
  readonly message: string;
  readonly nextAttempt?: string | undefined;
  readonly notAfter?: string | undefined;
}

/** A list that was not read to its end. */
export interface Bounded<Item> {
  readonly items: readonly Item[];
  /** That there are more, or that some could not be read. */
  readonly incomplete: boolean;
}

/** What was read. */
export interface ReportSources {
  readonly managementCluster: string;
  /** Which part of the fleet, for people; absent: all of it. */
  readonly among?: string | undefined;
  /** Epoch milliseconds. */
  readonly now: number;
  readonly period: Period;
  readonly clusters: readonly FleetRow[];
  readonly orders: Bounded<EndedOrder>;
  readonly revocations: Bounded<Revocation>;
  readonly problems: Bounded<Problem>;
  readonly budgets: readonly BudgetReport[];
}

/** A bar of a chart, with the parts that it consists of. */
export interface Bar {
  /** The first day that it is about: `2026-11-29`. */
  readonly day: string;
  readonly counts: readonly number[];
}

/** The report as `-o json` has it. */
export interface FleetReport extends Omit<ReportSources, 'now' | 'period'> {
  readonly generatedAt: string;
  readonly from: string;
  readonly to: string;
  readonly states: Readonly<Record<string, number>>;
  /** By reason, most frequent first: of clusters that are not Ready. */
  readonly reasons: readonly { readonly reason: string; readonly clusters: number }[];
  /** Clusters by the week in which their first certificate expires; the first bar is what has expired, the last what is later. */
  readonly expiries: readonly Bar[];
  /** The same of planned renewals. */
  readonly renewals: readonly Bar[];
  /** Orders of the period by day, or by week: issued, and without a certificate. */
  readonly activity: readonly Bar[];
  readonly issued: number;
  readonly unsuccessful: number;
}

/** Puts it together. */
export function fleetReport({ now, period, ...sources }: ReportSources): FleetReport {
  const { clusters, orders } = sources;
  const issued = orders.items.filter((order) => order.issued).length;
  return {
    ...sources,
    generatedAt: new Date(now).toISOString(),
    from: new Date(period.from).toISOString(),
    to: new Date(period.to).toISOString(),
    states: countBy(clusters, ({ state }) => state),
    reasons: Object.entries(
      countBy(
        clusters.filter(({ state }) => state !== 'Ready'),
        ({ reason, state }) => reason ?? state,
      ),
    )
      .map(([reason, count]) => ({ reason, clusters: count }))
      .sort((one, other) => other.clusters - one.clusters || (one.reason < other.reason ? -1 : 1)),
    expiries: byWeekAhead(
      clusters.map(({ notAfter }) => notAfter),
      now,
    ),
    renewals: byWeekAhead(
      clusters.map(({ renewalTime }) => renewalTime),
      now,
    ),
    activity: activityOf(orders.items, period),
    issued,
    unsuccessful: orders.items.length - issued,
  };
}

function countBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Record<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([one], [other]) => (one < other ? -1 : 1)));
}

/** Instants that are missing or unreadable are left out. */
function byWeekAhead(instants: readonly (string | undefined)[], now: number): readonly Bar[] {
  const start = startOfDay(now);
  const counts = Array.from({ length: WEEKS_AHEAD + 2 }, () => 0);
  for (const text of instants) {
    const at = Date.parse(text ?? '');
    if (Number.isNaN(at)) continue;
    const week = at < now ? 0 : 1 + Math.floor((at - start) / (7 * DAY_MS));
    const index = Math.min(week, WEEKS_AHEAD + 1);
    counts[index] = (counts[index] ?? 0) + 1;
  }
  return counts.map((count, index) => ({ day: dayOf(start + (index - 1) * 7 * DAY_MS), counts: [count] }));
}

function activityOf(orders: readonly EndedOrder[], { from, to }: Period): readonly Bar[] {
  const start = startOfDay(from);
  const days = Math.max(1, Math.ceil((to - start) / DAY_MS));
  const step = days <= MAX_DAYS_BY_DAY ? 1 : 7;
  const bars = Array.from({ length: Math.ceil(days / step) }, () => [0, 0]);
  for (const { at, issued } of orders) {
    const bar = bars[Math.floor((Date.parse(at) - start) / (step * DAY_MS))];
    const part = issued ? 0 : 1;
    if (bar !== undefined) bar[part] = (bar[part] ?? 0) + 1;
  }
  return bars.map((counts, index) => ({ day: dayOf(start + index * step * DAY_MS), counts }));
}

function startOfDay(at: number): number {
  return Math.floor(at / DAY_MS) * DAY_MS;
}

function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}
