/** The state of a CA's budget as plain data: input of the next run of its workflow. */
import { type Entry, newEntry } from './budget-entry.ts';
import { URGENCIES } from './budget-order.ts';
import type { Exemption } from './ca-limits.ts';
import type { FairTurnsState } from './fair-turns.ts';
import type { SlotCalendar, SlotCalendarState } from './slot-calendar.ts';

/**
 * Characters of the limits of which something is used. Of exact sets there can be any number: renewals of the same names are
 * exempt from every other limit.
 */
const MAX_USED_CHARACTERS = 300_000;

/** An order that waits; short, since there are thousands. */
export type WaitingRow = readonly [
  id: string,
  namespace: string,
  urgency: number,
  /** Index in `domains`. */
  domains: number,
  nameSet: string,
  exemption: Exemption | '',
  round: number,
  sequence: number,
  announced: number,
];

/** What `CaBudget` keeps; instants are epoch milliseconds. */
export interface CaBudgetState {
  /** Orders so far. */
  readonly sequence: number;
  /** By urgency. */
  readonly turns: readonly FairTurnsState[];
  /** Theoretical arrival of failed authorizations, by name. */
  readonly failures: readonly (readonly [name: string, arrival: number])[];
  readonly calendars: readonly (readonly [scope: string, SlotCalendarState])[];
  /** Of the orders that wait, each list once. */
  readonly domains: readonly (readonly string[])[];
  readonly waiting: readonly WaitingRow[];
}

/** Where there are too many, those are left out of which the smallest part is used: the CA allows more of them still. */
export function usedCalendars(
  calendars: ReadonlyMap<string, SlotCalendar<Entry>>,
  now: number,
): CaBudgetState['calendars'] {
  let characters = 0;
  return [...calendars]
    .filter(([, calendar]) => !calendar.isUnused(now))
    .map(([scope, calendar]) => ({ scope, calendar, left: calendar.left(now) / calendar.burst }))
    .sort((one, other) => Number(other.scope === 'account') - Number(one.scope === 'account') || one.left - other.left)
    .map(({ scope, calendar }) => [scope, calendar.toState()] as const)
    .filter((row) => {
      characters += JSON.stringify(row).length;
      return characters <= MAX_USED_CHARACTERS;
    });
}

/** The rows of orders that wait. */
export function waitingRows(entries: readonly Entry[]): Pick<CaBudgetState, 'domains' | 'waiting'> {
  const lists = new Map(entries.map(({ order }) => [order.domains.join(' '), order.domains]));
  const indices = new Map([...lists.keys()].map((key, index) => [key, index]));
  const waiting = entries.map(
    ({ order, round, sequence, announced }): WaitingRow => [
      order.id,
      order.namespace,
      URGENCIES.indexOf(order.urgency),
      indices.get(order.domains.join(' ')) ?? 0,
      order.nameSet,
      order.exemption ?? '',
      round,
      sequence,
      announced,
    ],
  );
  return { domains: [...lists.values()], waiting };
}

/** The inverse of {@link waitingRows}; names are not kept, the order brings them when it asks. */
export function waitingEntries({ domains, waiting }: Pick<CaBudgetState, 'domains' | 'waiting'>): readonly Entry[] {
  return waiting.map(([id, namespace, urgency, list, nameSet, exemption, round, sequence, announced]) => {
    const order = {
      id,
      namespace,
      urgency: URGENCIES[urgency] ?? 'new',
      domains: domains[list] ?? [],
      nameSet,
      names: [],
      exemption: exemption === '' ? undefined : exemption,
    };
    return newEntry(order, round, sequence, announced);
  });
}
