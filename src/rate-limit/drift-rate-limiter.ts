/**
 * How often a cluster is woken because somebody changed what certman looks after. A person does it now and then; a program
 * that wants it otherwise (certman-operator left running, a GitOps tool) undoes each repair at once, and without a bound the
 * two would write against each other as fast as the API server lets them.
 */

/** Told at once. */
const BURST = 5;
/** After that, one more in this time. */
const REFILL_INTERVAL_MS = 120_000;
/** Clusters that are remembered before those that have rested are let go. */
const MAX_BUCKETS = 1_000;

interface TokenBucket {
  readonly tokens: number;
  readonly updatedAt: number;
}

export class DriftRateLimiter {
  readonly #buckets = new Map<string, TokenBucket>();

  /**
   * @param key of the cluster.
   * @param now milliseconds of a clock that only goes forward.
   * @returns 0: now, and that counts; else milliseconds after which it may be asked again.
   */
  tryAcquire(key: string, now: number): number {
    const credit = this.#tokensOf(key, now);
    if (credit < 1) return Math.ceil((1 - credit) * REFILL_INTERVAL_MS);
    this.#buckets.set(key, { tokens: credit - 1, updatedAt: now });
    if (this.#buckets.size > MAX_BUCKETS) this.#evictFull(now);
    return 0;
  }

  #tokensOf(key: string, now: number): number {
    const account = this.#buckets.get(key);
    return account === undefined
      ? BURST
      : Math.min(BURST, account.tokens + (now - account.updatedAt) / REFILL_INTERVAL_MS);
  }

  #evictFull(now: number): void {
    for (const key of this.#buckets.keys()) if (this.#tokensOf(key, now) >= BURST) this.#buckets.delete(key);
  }
}
