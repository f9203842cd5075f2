/** The tables of the bench `cost`. */
import type { RenewalPolicy } from '../src/certificates/planned-renewal.ts';
import { type Column, columnsTable, markdownTable } from './markdown-table.ts';

/** Counted for one certificate. Actions are by type, as Temporal's server names them in its metric `action`. */
export interface CostPerUnit {
  readonly issuance: Readonly<Record<string, number>>;
  /** When it is due: an operator's update is not counted. */
  readonly renewal: Readonly<Record<string, number>>;
  /** A window of ARI that moves the planned renewal, without the renewal. */
  readonly window: Readonly<Record<string, number>>;
  /** Of the watch of a management cluster, whatever the number of its clusters. */
  readonly heartbeatsPerMinute: number;
  /** All other actions at rest. */
  readonly restPerMinute: number;
  /** Sizes of histories. */
  readonly bytes: {
    /** The cluster's run from the installation on. */
    readonly firstRun: number;
    readonly order: number;
    /** The cluster's run after a renewal, which sleeps. */
    readonly run: number;
    /** The same once its certificate was renewed, which closes it. */
    readonly closedRun: number;
  };
}

/** A fleet in a year, on paper. */
export interface FleetYear {
  readonly certificates: number;
  readonly lifetimeDays: number;
  readonly policy: RenewalPolicy;
  readonly renewalsPerCertificate: number;
  readonly actionsPerCertificate: number;
  /** Of one management cluster. */
  readonly watchActions: number;
  readonly actions: number;
  readonly actionsPerMonth: number;
  /** Histories of open workflows. */
  readonly activeMb: number;
  /** Histories of closed workflows within the retention. */
  readonly retainedMb: number;
}

const YEAR_COLUMNS: readonly Column<FleetYear>[] = [
  ['certificates', ({ certificates }) => certificates],
  ['lifetime, days', ({ lifetimeDays }) => lifetimeDays],
  ['policy', ({ policy }) => policy],
  ['renewals of each', ({ renewalsPerCertificate }) => renewalsPerCertificate],
  ['actions of each', ({ actionsPerCertificate }) => actionsPerCertificate],
  ['actions of the watch', ({ watchActions }) => watchActions],
  ['actions a year', ({ actions }) => actions],
  ['a month', ({ actionsPerMonth }) => actionsPerMonth],
  ['open histories, MB', ({ activeMb }) => activeMb],
  ['closed histories, MB', ({ retainedMb }) => retainedMb],
];

const total = (actions: Readonly<Record<string, number>>): number =>
  Object.values(actions).reduce((sum, count) => sum + count, 0);

/** Both tables in Markdown. */
export function costTables(unit: CostPerUnit, years: readonly FleetYear[]): string {
  const { issuance, renewal, window, bytes } = unit;
  const types = [...new Set([issuance, renewal, window].flatMap((actions) => Object.keys(actions)))].sort();
  const row = (type: string) => [type, issuance[type] ?? 0, renewal[type] ?? 0, window[type] ?? 0];
  const actions = markdownTable(
    ['actions of one certificate', 'issued', 'renewed', 'its window of ARI moved'],
    [
      ...types.filter((type) => Math.max(...row(type).slice(1).map(Number)) >= 0.1).map(row),
      ['**all**', ...[issuance, renewal, window].map((of) => total(of).toFixed(1))],
    ],
  );
  const others = markdownTable(
    [
      'heartbeats of the watch a minute',
      'other actions at rest',
      'bytes: first run',
      'order',
      'sleeping run',
      'closed run',
    ],
    [[unit.heartbeatsPerMinute, unit.restPerMinute, bytes.firstRun, bytes.order, bytes.run, bytes.closedRun]],
  );
  const yearly = columnsTable(YEAR_COLUMNS, years);
  return [actions, others, yearly].join('\n\n');
}
