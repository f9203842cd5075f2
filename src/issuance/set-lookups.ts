import type { IssuanceOfSet } from './runaway-guard.ts';

/** Of one request. */
const MAX_SETS = 100;

/**
 * Workers share the requests to visibility that a Temporal namespace has: ten in a second by default. And a SQL store that has no
 * statistics, as the development server's, reads every completed order for a request of several sets.
 */
const INTERVAL_MS = 1_000;

/** Certificates for sets of names that completed since (epoch milliseconds), by set. */
export type ListIssuancesOfSets = (
  nameSets: readonly string[],
  closedSince: number,
) => Promise<ReadonlyMap<string, readonly IssuanceOfSet[]>>;

interface Asked {
  readonly nameSet: string;
  readonly closedSince: number;
  readonly answer: PromiseWithResolvers<readonly IssuanceOfSet[]>;
}

/** One request for many orders: one at a time, and none sooner than a second after the one before. The first is sent at once. */
export class SetLookups {
  readonly #list: ListIssuancesOfSets;
  readonly #intervalMs: number;
  #asked: Asked[] = [];
  #underWay = false;
  #nextAt = Number.NEGATIVE_INFINITY;

  constructor(list: ListIssuancesOfSets, intervalMs = INTERVAL_MS) {
    this.#list = list;
    this.#intervalMs = intervalMs;
  }

  /**
   * The certificates for a set, the newest first; also older ones where another order of the request asked for them.
   * @throws what the request throws, and the reason of the signal.
   */
  async find(nameSet: string, closedSince: number, signal: AbortSignal): Promise<readonly IssuanceOfSet[]> {
    signal.throwIfAborted();
    const answer = Promise.withResolvers<readonly IssuanceOfSet[]>();
    const asked = { nameSet, closedSince, answer };
    const giveUp = (): void => {
      this.#asked = this.#asked.filter((one) => one !== asked);
      answer.reject(signal.reason);
    };
    this.#asked.push(asked);
    signal.addEventListener('abort', giveUp, { once: true });
    void this.#run();
    try {
      return await answer.promise;
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  async #run(): Promise<void> {
    if (this.#underWay) return;
    this.#underWay = true;
    while (this.#asked.length > 0) {
      const wait = this.#nextAt - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, Math.ceil(wait)));
      else await this.#request();
    }
    this.#underWay = false;
  }

  /** Never rejects. */
  async #request(): Promise<void> {
    this.#nextAt = performance.now() + this.#intervalMs;
    const batch = this.#asked.splice(0, MAX_SETS);
    try {
      const nameSets = [...new Set(batch.map(({ nameSet }) => nameSet))];
      const closedSince = Math.min(...batch.map((asked) => asked.closedSince));
      const found = await this.#list(nameSets, closedSince);
      for (const { nameSet, answer } of batch) answer.resolve(found.get(nameSet) ?? []);
    } catch (error) {
      for (const { answer } of batch) answer.reject(error);
    }
  }
}
