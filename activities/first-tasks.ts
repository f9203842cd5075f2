import { TimeLimit } from '../src/network/time-limit.ts';

/** Such work holds one of the worker's slots for workflow tasks. */
const MAX_MS = 3_000;
/** Enough for an API server that is not overloaded. */
const MIN_MS = 1_000;
/** An API server that was slow once would hold all slots otherwise. */
const PAUSE_MS = 30_000;

/** Tasks of orders, deletions and signals have the other slots. */
const MAX_SHARE_OF_SLOTS = 0.75;

/**
 * Work of local activities in the first workflow tasks of a worker: each within some seconds, never in all slots for workflow
 * tasks, and none for a while after one that was slow.
 */
export class FirstTasks {
  readonly #maxAtOnce: number;
  #underWay = 0;
  /** `performance.now()` */
  #pausedUntil = 0;

  /** @param workflowTaskSlots of the worker. */
  constructor(workflowTaskSlots: number) {
    this.#maxAtOnce = Math.floor(workflowTaskSlots * MAX_SHARE_OF_SLOTS);
  }

  /**
   * @param deadline epoch milliseconds. @param signal of the activity.
   * @returns undefined where there is not the time, or too many slots have such work. @throws as `work`, whose signal is aborted when its time is over.
   */
  async run<T>(
    deadline: number,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T | undefined> {
    const leftMs = deadline - Date.now();
    // An activity trusts no input: NaN is no time.
    if (!(leftMs >= MIN_MS) || performance.now() < this.#pausedUntil) return undefined;
    if (this.#underWay >= this.#maxAtOnce) return undefined;
    this.#underWay += 1;
    const limit = new TimeLimit(Math.min(leftMs, MAX_MS), signal);
    try {
      return await work(limit.signal);
    } finally {
      this.#underWay -= 1;
      if (limit.signal.aborted) this.#pausedUntil = performance.now() + PAUSE_MS;
      limit.end();
    }
  }
}
