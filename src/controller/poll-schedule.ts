import { Heap } from 'heap-js';

/** A planned poll; obsolete once the entry of its key has another one. */
interface PlannedPoll {
  readonly key: string;
  readonly at: number;
}

/** Whether a subject that is due is polled now, at another round, or not in use any more. `full`: the round is. */
export type Acceptance = 'accepted' | 'later' | 'forget' | 'full';

/** When each polled subject is due next, by its key; in memory. A round costs as much as there is due. */
export class PollSchedule {
  readonly #planned = new Map<string, PlannedPoll>();
  readonly #answered = new Set<string>();
  readonly #heap = new Heap<PlannedPoll>((left, right) => left.at - right.at);

  /** Plans a new subject. @param at epoch milliseconds; now: it is due at once. */
  add(key: string, at: number): void {
    if (!this.#planned.has(key)) this.#plan(key, at);
  }

  delete(key: string): void {
    this.#planned.delete(key);
    this.#answered.delete(key);
  }

  /** Offers what is due, the longest due first, until the round is full; it stays due until it is answered or postponed. */
  offerDue(now: number, accept: (key: string) => Acceptance): void {
    const stillDue: PlannedPoll[] = [];
    for (let next = this.#heap.peek(); next !== undefined && next.at <= now; next = this.#heap.peek()) {
      this.#heap.pop();
      if (this.#planned.get(next.key) !== next) continue;
      const acceptance = accept(next.key);
      if (acceptance === 'forget') this.delete(next.key);
      else stillDue.push(next);
      if (acceptance === 'full') break;
    }
    this.#heap.addAll(stillDue);
  }

  /** @param nextPollAt epoch milliseconds. */
  answered(key: string, nextPollAt: number): void {
    if (!this.#planned.has(key)) return;
    this.#answered.add(key);
    this.#plan(key, nextPollAt);
  }

  /** For a subject that was not asked about or not answered. @param nextPollAt epoch milliseconds. */
  postpone(key: string, nextPollAt: number): void {
    if (this.#planned.has(key)) this.#plan(key, nextPollAt);
  }

  /** Number of subjects in use with at least one answer. */
  get answeredCount(): number {
    return this.#answered.size;
  }

  #plan(key: string, at: number): void {
    const planned = { key, at };
    this.#planned.set(key, planned);
    this.#heap.push(planned);
  }
}
