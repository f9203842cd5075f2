import { Heap } from 'heap-js';
import { type Acceptance, DueTurns } from './due-turns.ts';

/** A planned poll; obsolete once the entry of its key has another one. */
interface PlannedPoll {
  readonly key: string;
  readonly at: number;
  /** Of a subject in the background: the namespace whose turn it takes. */
  readonly turnOf?: string | undefined;
}

/** What becomes due in the background at one instant is put in turn bit by bit: it can be a fleet. */
const MAX_PUT_IN_TURN = 2_000;

/** When each polled subject is due next, by its key; in memory. A round costs as much as there is due. */
export class PollSchedule {
  readonly #planned = new Map<string, PlannedPoll>();
  readonly #answered = new Set<string>();
  readonly #foreground = heap();
  readonly #background = heap();
  readonly #backgroundDue = new DueTurns<PlannedPoll>();

  /**
   * Plans a new subject. @param at epoch milliseconds; now: it is due at once.
   * @param turnOf of a subject in the background, which holds up none of the others: the namespace whose turn it takes.
   */
  add(key: string, at: number, turnOf?: string): void {
    if (!this.#planned.has(key)) this.#plan({ key, at, turnOf });
  }

  /** Plans a subject for an instant, unless it is planned for an earlier one. @param at, turnOf as for {@link add}. */
  bringForward(key: string, at: number, turnOf?: string): void {
    const planned = this.#planned.get(key);
    if (planned === undefined || planned.at > at) this.#plan({ key, at, turnOf });
  }

  delete(key: string): void {
    this.#planned.delete(key);
    this.#answered.delete(key);
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

  /** @param nextPollAt epoch milliseconds. @param turnOf as for {@link add}. */
  answered(key: string, nextPollAt: number, turnOf?: string): void {
    if (!this.#planned.has(key)) return;
    this.#answered.add(key);
    this.#plan({ key, at: nextPollAt, turnOf });
  }

  /** For a subject that was not asked about or not answered. @param nextPollAt epoch milliseconds. @param turnOf as for {@link add}. */
  postpone(key: string, nextPollAt: number, turnOf?: string): void {
    if (this.#planned.has(key)) this.#plan({ key, at: nextPollAt, turnOf });
  }

  /** Number of subjects in use with at least one answer. */
  get answeredCount(): number {
    return this.#answered.size;
  }

  #plan(planned: PlannedPoll): void {
    this.#planned.set(planned.key, planned);
    (planned.turnOf === undefined ? this.#foreground : this.#background).push(planned);
  }
}

function heap(): Heap<PlannedPoll> {
  return new Heap<PlannedPoll>((left, right) => left.at - right.at);
}
