/** Work in the order it came for each key, at once for different keys, bounded in number. The first error ends it all. */
import pLimit, { type LimitFunction } from 'p-limit';

export class WorkByKey {
  readonly #limit: LimitFunction;
  readonly #last = new Map<string, Promise<void>>();
  readonly #mostWaiting: number;
  readonly #onError: (error: unknown) => void;
  #size = 0;
  #spaceWanted: (() => void)[] = [];

  /**
   * @param concurrency of work at one time.
   * @param mostWaiting work accepted before {@link space} makes its caller wait.
   */
  constructor(concurrency: number, mostWaiting: number, onError: (error: unknown) => void) {
    this.#limit = pLimit(concurrency);
    this.#mostWaiting = mostWaiting;
    this.#onError = onError;
  }

  /** Never rejects: an error goes to `onError`, and the work counts as not done. @returns whether it was done. */
  async add(key: string, work: () => Promise<void>): Promise<boolean> {
    const before = this.#last.get(key) ?? Promise.resolve();
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
    this.#last.set(key, mine);
    await mine;
    if (this.#last.get(key) === mine) this.#last.delete(key);
    this.#size -= 1;
    if (this.#size < this.#mostWaiting) for (const wake of this.#spaceWanted.splice(0)) wake();
    return done;
  }

  /** Returns once there is room for more. */
  async space(): Promise<void> {
    while (this.#size >= this.#mostWaiting) {
      await new Promise<void>((resolve) => this.#spaceWanted.push(resolve));
    }
  }

  /** Returns once all that was accepted has ended. */
  async idle(): Promise<void> {
    while (this.#last.size > 0) await Promise.all(this.#last.values());
  }
}
