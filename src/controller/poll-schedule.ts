import { Heap } from 'heap-js';
import { type Acceptance, DueTurns } from './due-turns.ts';

/** A planned poll; obsolete once the entry of its key has another one. */
interface PlannedPoll {
  readonly key: string;
  readonly at: number;
  readonly version: string | number;
  readonly turnOf: string | undefined;
  readonly answered: boolean;
}

/** How a subject is planned. */
export interface PollPlan {
  /** Of a subject in the background, which holds up none of the others: the namespace whose turn it takes. */
  readonly turnOf?: string | undefined;
  /** A subject with another version is a new one. Default: it has no versions. */
  readonly version?: string | number;
}

/** What becomes due in the background at one instant is put in turn bit by bit: it can be a fleet. */
const MAX_PUT_IN_TURN = 2_000;

/** When each polled subject is due next, by its key; in memory. A round costs as much as there is due. */
export class PollSchedule {
  readonly #planned = new Map<string, PlannedPoll>();
  readonly #foreground = heap();
  readonly #background = heap();
  readonly #backgroundDue = new DueTurns<PlannedPoll>();

  /** Plans a new subject. @param at epoch milliseconds; now: it is due at once. */
  add(key: string, at: number, plan: PollPlan = {}): void {
    if (this.#find(key, plan) === undefined) this.#plan(key, at, plan, false);
  }

  /** Plans a subject for an instant, unless it is planned for an earlier one. @param at epoch milliseconds. */
  bringForward(key: string, at: number, plan: PollPlan = {}): void {
    const planned = this.#find(key, plan);
    if (planned === undefined || planned.at > at) this.#plan(key, at, plan, planned?.answered === true);
  }

  /** Whether a subject is planned, of whichever version. */
  has(key: string): boolean {
    return this.#planned.has(key);
  }

  /** Whether another version of the subject is planned. */
  isReplaced(key: string, plan: PollPlan): boolean {
    return this.has(key) && this.#find(key, plan) === undefined;
  }

  delete(key: string): void {
    this.#planned.delete(key);
  }

  /** Offers what is due, the longest due first, until the round is full; it stays due until it is answered or postponed. */
  offerDue(now: number, accept: (key: string) => Acceptance): void {
    const planned = this.#foreground;
    const stillDue: PlannedPoll[] = [];
    for (let next = planned.peek(); next !== undefined && next.at <= now; next = planned.peek()) {
      planned.pop();
      if (this.#planned.get(next.key) !== next) continue;
      const acceptance = accept(next.key);
      if (acceptance === 'forget') this.delete(next.key);
      else stillDue.push(next);
      if (acceptance === 'full') break;
    }
    planned.addAll(stillDue);
  }

  /** As {@link offerDue}, of the subjects in the background: one of each namespace in turn. */
  offerBackground(now: number, accept: (key: string) => Acceptance): void {
    const planned = this.#background;
    for (let count = 0; count < MAX_PUT_IN_TURN; count += 1) {
      const next = planned.peek();
      if (next === undefined || next.at > now) break;
      planned.pop();
      if (this.#planned.get(next.key) === next) this.#backgroundDue.add(next.turnOf ?? '', next);
    }
    this.#backgroundDue.offer((next) => {
      if (this.#planned.get(next.key) !== next) return 'forget';
      const acceptance = accept(next.key);
      if (acceptance === 'forget') this.delete(next.key);
      return acceptance;
    });
  }

  /** @param nextPollAt epoch milliseconds. */
  answered(key: string, nextPollAt: number, plan: PollPlan = {}): void {
    if (this.#find(key, plan) !== undefined) this.#plan(key, nextPollAt, plan, true);
  }

  /** For a subject that was not asked about or not answered. @param nextPollAt epoch milliseconds. */
  postpone(key: string, nextPollAt: number, plan: PollPlan = {}): void {
    const planned = this.#find(key, plan);
    if (planned !== undefined) this.#plan(key, nextPollAt, plan, planned.answered);
  }

  /** Number of subjects in use with at least one answer. */
  get answeredCount(): number {
    let count = 0;
    for (const { answered } of this.#planned.values()) if (answered) count += 1;
    return count;
  }

  /** Undefined for another version. */
  #find(key: string, { version = '' }: PollPlan): PlannedPoll | undefined {
    const planned = this.#planned.get(key);
    return planned?.version === version ? planned : undefined;
  }

  #plan(key: string, at: number, { version = '', turnOf }: PollPlan, answered: boolean): void {
    // The string that the Map has: another one of the same text would stay beside it.
    const known = this.#planned.get(key)?.key ?? key;
    const planned = { key: known, at, version, turnOf, answered };
    this.#planned.set(known, planned);
    (turnOf === undefined ? this.#foreground : this.#background).push(planned);
  }
}

function heap(): Heap<PlannedPoll> {
  return new Heap<PlannedPoll>((left, right) => left.at - right.at);
}
