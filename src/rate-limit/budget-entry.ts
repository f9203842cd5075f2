/** An order that waits, and what precedes it. Pure. */
import { type BudgetOrder, URGENCIES } from './budget-order.ts';

/** A key has the urgency, the round and the sequence, in so many of a number's 53 bits: what comes first has the smallest. */
const SEQUENCE_BITS = 28;
const ROUND_BITS = 23;

/** An order with its place. */
export interface Entry {
  order: BudgetOrder;
  readonly round: number;
  readonly sequence: number;
  /** Smaller is more urgent. */
  readonly key: number;
  /** Its instant now, and the one that was announced last. */
  at: number;
  announced: number;
  /** The limit that decides its instant, and its slot there. */
  scope: string;
  held: { readonly scope: string; readonly index: number }[];
}

/** An order that has no slot yet. */
export function newEntry(order: BudgetOrder, round: number, sequence: number, announced: number): Entry {
  const turn = URGENCIES.indexOf(order.urgency) * 2 ** ROUND_BITS + Math.min(round, 2 ** ROUND_BITS - 1);
  const key = turn * 2 ** SEQUENCE_BITS + (sequence % 2 ** SEQUENCE_BITS);
  return { order, round, sequence, key, at: 0, announced, scope: '', held: [] };
}

/** For `sort`: what is placed first. */
export function byKey(one: Entry, other: Entry): number {
  return one.key - other.key;
}

/** Into a list that is sorted from `start` on. */
export function insertByKey(sorted: Entry[], entry: Entry, start: number): void {
  let [low, high] = [start, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (byKey(sorted[middle] as Entry, entry) < 0) low = middle + 1;
    else high = middle;
  }
  sorted.splice(low, 0, entry);
}
