import { Heap } from 'heap-js';
import { toSeconds } from '../cache/compact-value.ts';
import { type Acceptance, DueTurns } from './due-turns.ts';

/** A planned poll; obsolete once the entry of its key has another one. */
interface PlannedPoll {
  readonly key: string;
  /** Epoch seconds by {@link toSeconds}: a whole one takes no memory of its own. */
  readonly at: number;
  readonly version: string | number;
  readonly pace: Pace | undefined;
  readonly turnOf: string | undefined;
  readonly answered: boolean;
}

/** What is polled at a pace. `background`: nothing waits for it, and it holds up nothing else. */
export type Pace = 'foreground' | 'background';

/** How a subject is planned. */
export interface PollPlan {
  /** Absent: it is polled in rounds. */
  readonly pace?: Pace | undefined;
  /** With a pace: the namespace whose turn it takes. */
  readonly turnOf?: string | undefined;
  /** A subject with another version is a new one. Default: it has no versions. */
  readonly version?: string | number;
}

/** What becomes due at one instant is put in turn bit by bit: it can be a fleet. */
const MAX_PUT_IN_TURN = 2_000;

/** When each polled subject is due next, by its key; in memory. A round costs as much as there is due. */
export class PollSchedule {
  readonly #planned = new Map<string, PlannedPoll>();
  readonly #ofRounds = heap();
  readonly #paced: Readonly<Record<Pace, PacedPolls>> = { foreground: pacedPolls(), background: pacedPolls() };

  /** Plans a new subject. @param at epoch milliseconds; now: it is due at once. */
  add(key: string, at: number, plan: PollPlan = {}): void {
    if (this.#find(key, plan) === undefined) this.#plan(key, at, plan, false);
  }

  /** Plans a subject for an instant, unless it is planned for an earlier one. @param at epoch milliseconds. */
  bringForward(key: string, at: number, plan: PollPlan = {}): void {
    const planned = this.#find(key, plan);
    if (planned === undefined || planned.at > toSeconds(at)) this.#plan(key, at, plan, planned?.answered === true);
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
    const planned = this.#ofRounds;
    const stillDue: PlannedPoll[] = [];
    for (let next = planned.peek(); next !== undefined && next.at <= toSeconds(now); next = planned.peek()) {
      planned.pop();
      if (this.#planned.get(next.key) !== next) continue;
      const acceptance = accept(next.key);
      if (acceptance === 'forget') this.delete(next.key);
      else stillDue.push(next);
      if (acceptance === 'full') break;
    }
    planned.addAll(stillDue);
  }

  /** As {@link offerDue}, of the subjects with a pace: one of each namespace in turn. */
  offerInTurn(pace: Pace, now: number, accept: (key: string) => Acceptance): void {
    const { planned, due } = this.#paced[pace];
    for (let count = 0; count < MAX_PUT_IN_TURN; count += 1) {
      const next = planned.peek();
      if (next === undefined || next.at > toSeconds(now)) break;
      planned.pop();
      if (this.#planned.get(next.key) === next) due.add(next.turnOf ?? '', next);
    }
    due.offer((next) => {
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

  #plan(key: string, at: number, { version = '', pace, turnOf }: PollPlan, answered: boolean): void {
    // The string that the Map has: another one of the same text would stay beside it.
    const known = this.#planned.get(key)?.key ?? key;
    const planned = { key: known, at: toSeconds(at), version, pace, turnOf, answered };
    this.#planned.set(known, planned);
    (pace === undefined ? this.#ofRounds : this.#paced[pace].planned).push(planned);
  }
}

/** Those that are not due yet, and those that are. */
interface PacedPolls {
  readonly planned: Heap<PlannedPoll>;
  readonly due: DueTurns<PlannedPoll>;
}

function pacedPolls(): PacedPolls {
  return { planned: heap(), due: new DueTurns() };
}

function heap(): Heap<PlannedPoll> {
  return new Heap<PlannedPoll>((left, right) => left.at - right.at);
}
