import { TimeLimit } from '../src/network/time-limit.ts';

/** Such work holds one of the worker's slots for workflow tasks. */
const MAX_MS = 3_000;
/** Enough for an API server that is not overloaded. */
const MIN_MS = 1_000;
/** An API server that was slow once would hold all slots otherwise. */
const PAUSE_MS = 30_000;

/** Work of local activities in the first workflow tasks of a worker: each within some seconds, and none for a while after one that was slow. */
export class FirstTasks {
  /** `performance.now()` */
  #pausedUntil = 0;

  /**
   * @param deadline epoch milliseconds. @param signal of the activity.
   * @returns undefined where there is not the time. @throws as `work`, whose signal is aborted when its time is over.
   */
  async run<T>(
    deadline: number,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T | undefined> {
    const leftMs = deadline - Date.now();
    // An activity trusts no input: NaN is no time.
    if (!(leftMs >= MIN_MS) || performance.now() < this.#pausedUntil) return undefined;
    const limit = new TimeLimit(Math.min(leftMs, MAX_MS), signal);
    try {
      return await work(limit.signal);
    } finally {
      if (limit.signal.aborted) this.#pausedUntil = performance.now() + PAUSE_MS;
      limit.end();
    }
  }
}
