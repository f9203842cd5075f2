/** Work in the order it came for each key, at once for different keys, bounded in number. The first error ends it all. */
import pLimit, { type LimitFunction } from 'p-limit';

export class KeyedWorkQueue {
  readonly #limit: LimitFunction;
  readonly #lastByKey = new Map<string, Promise<void>>();
  readonly #maxPending: number;
  readonly #onError: (error: unknown) => void;
  #size = 0;
  #capacityWaiters: (() => void)[] = [];

  /**
   * @param concurrency of work at one time.
   * @param mostWaiting work accepted before {@link waitForCapacity} makes its caller wait.
   */
  constructor(concurrency: number, mostWaiting: number, onError: (error: unknown) => void) {
    this.#limit = pLimit(concurrency);
    this.#maxPending = mostWaiting;
    this.#onError = onError;
  }

  /** Never rejects: an error goes to `onError`, and the work counts as not done. @returns whether it was done. */
  async add(key: string, work: () => Promise<void>): Promise<boolean> {
    const before = this.#lastByKey.get(key) ?? Promise.resolve();
    let done = false;
    this.#size += 1;
    const inTurn = async (): Promise<void> => {
      await before;
      try {
        await this.#limit(work);
        done = true;
      } catch (error) {
        this.#onError(error);
      }
    };
    const mine = inTurn();
    this.#lastByKey.set(key, mine);
    await mine;
    if (this.#lastByKey.get(key) === mine) this.#lastByKey.delete(key);
    this.#size -= 1;
    if (this.#size < this.#maxPending) for (const wake of this.#capacityWaiters.splice(0)) wake();
    return done;
  }

  /** Returns once there is room for more. */
  async waitForCapacity(): Promise<void> {
    while (this.#size >= this.#maxPending) {
      await new Promise<void>((resolve) => this.#capacityWaiters.push(resolve));
    }
  }

  /** Returns once all that was accepted has ended. */
  async drain(): Promise<void> {
    while (this.#lastByKey.size > 0) await Promise.all(this.#lastByKey.values());
  }
}
