import { Heap } from 'heap-js';

/** A planned poll; obsolete once the entry of its key has another one. */
interface PlannedPoll {
  readonly key: string;
  readonly at: number;
}

/** Subjects in the background are offered apart: however many there are, they hold up no others. */
export type PollLane = 'foreground' | 'background';

/** Whether a subject that is due is polled now, at another round, or not in use any more. `full`: the round is. */
export type Acceptance = 'accepted' | 'later' | 'forget' | 'full';

/** When each polled subject is due next, by its key; in memory. A round costs as much as there is due. */
export class PollSchedule {
  readonly #planned = new Map<string, PlannedPoll>();
  readonly #answered = new Set<string>();
  readonly #heaps: Readonly<Record<PollLane, Heap<PlannedPoll>>> = { foreground: heap(), background: heap() };

  /** Plans a new subject. @param at epoch milliseconds; now: it is due at once. */
  add(key: string, at: number, lane: PollLane = 'foreground'): void {
    if (!this.#planned.has(key)) this.#plan(key, at, lane);
  }

  delete(key: string): void {
    this.#planned.delete(key);
    this.#answered.delete(key);
  }

  /** Offers what is due, the longest due first, until the round is full; it stays due until it is answered or postponed. */
  offerDue(now: number, accept: (key: string) => Acceptance, lane: PollLane = 'foreground'): void {
    const planned = this.#heaps[lane];
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

  /** @param nextPollAt epoch milliseconds. */
  answered(key: string, nextPollAt: number, lane: PollLane = 'foreground'): void {
    if (!this.#planned.has(key)) return;
    this.#answered.add(key);
    this.#plan(key, nextPollAt, lane);
  }

  /** For a subject that was not asked about or not answered. @param nextPollAt epoch milliseconds. */
  postpone(key: string, nextPollAt: number, lane: PollLane = 'foreground'): void {
    if (this.#planned.has(key)) this.#plan(key, nextPollAt, lane);
  }

  /** Number of subjects in use with at least one answer. */
  get answeredCount(): number {
    return this.#answered.size;
  }

  #plan(key: string, at: number, lane: PollLane): void {
    const planned = { key, at };
    this.#planned.set(key, planned);
    this.#heaps[lane].push(planned);
  }
}

function heap(): Heap<PlannedPoll> {
  return new Heap<PlannedPoll>((left, right) => left.at - right.at);
}
