/**
 * How often a cluster is woken because somebody changed what certman looks after. A person does it now and then; a program
 * that wants it otherwise (certman-operator left running, a GitOps tool) undoes each repair at once, and without a bound the
 * two would write against each other as fast as the API server lets them.
 */

/** Told at once. */
const BURST = 5;
/** After that, one more in this time. */
const ONE_MORE_MS = 120_000;
/** Clusters that are remembered before those that have rested are let go. */
const MANY = 1_000;

interface Account {
  readonly credit: number;
  readonly at: number;
}

export class DriftPace {
  readonly #accounts = new Map<string, Account>();

  /**
   * @param key of the cluster.
   * @param now milliseconds of a clock that only goes forward.
   * @returns 0: now, and that counts; else milliseconds after which it may be asked again.
   */
  ask(key: string, now: number): number {
    const credit = this.#creditOf(key, now);
    if (credit < 1) return Math.ceil((1 - credit) * ONE_MORE_MS);
    this.#accounts.set(key, { credit: credit - 1, at: now });
    if (this.#accounts.size > MANY) this.#letGoOfRested(now);
    return 0;
  }

  #creditOf(key: string, now: number): number {
    const account = this.#accounts.get(key);
    return account === undefined ? BURST : Math.min(BURST, account.credit + (now - account.at) / ONE_MORE_MS);
  }

  #letGoOfRested(now: number): void {
    for (const key of this.#accounts.keys()) if (this.#creditOf(key, now) >= BURST) this.#accounts.delete(key);
  }
}
