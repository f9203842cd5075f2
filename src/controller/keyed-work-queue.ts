import pLimit, { type LimitFunction } from 'p-limit';

/** Work in the background leaves most of the concurrency to other work. */
type Lane = 'foreground' | 'background';

/** Runs work of the same key in order and of different keys concurrently, up to a limit. */
export class KeyedWorkQueue {
  readonly #limit: LimitFunction;
  readonly #backgroundLimit: LimitFunction;
  readonly #maxPending: number;
  /** The last work of each key; settles, but never rejects. */
  readonly #lastByKey = new Map<string, Promise<unknown>>();
  #pending = 0;
  #pendingBackground = 0;
  #capacityWaiters: (() => void)[] = [];

  /**
   * @param maxPending unfinished pieces of work from which on {@link waitForCapacity} waits.
   * @param backgroundConcurrency limit of the work in the background among them.
   */
  constructor(concurrency: number, maxPending: number, backgroundConcurrency = concurrency) {
    this.#limit = pLimit(concurrency);
    this.#backgroundLimit = pLimit(backgroundConcurrency);
    this.#maxPending = maxPending;
  }

  /** Whether work in the background is unfinished: while the clusters of a list are signalled, and so adopted. */
  get hasBackgroundWork(): boolean {
    return this.#pendingBackground > 0;
  }

  /** @returns the result of the work. @throws its error, after which the key's next work runs all the same. */
  async add<T>(key: string, work: () => Promise<T>, lane: Lane = 'foreground'): Promise<T> {
    const result = this.#runAfter(this.#lastByKey.get(key), work, lane);
    const settled = result.catch(() => undefined);
    this.#lastByKey.set(key, settled);
    this.#pending += 1;
    if (lane === 'background') this.#pendingBackground += 1;
    try {
      return await result;
    } finally {
      if (this.#lastByKey.get(key) === settled) this.#lastByKey.delete(key);
      this.#pending -= 1;
      if (lane === 'background') this.#pendingBackground -= 1;
      if (this.#pending < this.#maxPending) for (const resume of this.#capacityWaiters.splice(0)) resume();
    }
  }

  async #runAfter<T>(previous: Promise<unknown> | undefined, work: () => Promise<T>, lane: Lane): Promise<T> {
    await previous;
    if (lane === 'foreground') return await this.#limit(work);
    return await this.#backgroundLimit(() => this.#limit(work));
  }

  async waitForCapacity(): Promise<void> {
    while (this.#pending >= this.#maxPending) {
      await new Promise<void>((resolve) => this.#capacityWaiters.push(resolve));
    }
  }

  async drain(): Promise<void> {
    while (this.#lastByKey.size > 0) await Promise.all(this.#lastByKey.values());
  }
}
