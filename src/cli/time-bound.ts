/** The time that a person gives a command (`--timeout`). It does not pass while the person is asked. */
export class TimeBound {
  #until: number;

  /** @param ms from now. */
  constructor(ms: number) {
    this.#until = Date.now() + ms;
  }

  /** Epoch milliseconds. */
  get until(): number {
    return this.#until;
  }

  get leftMs(): number {
    return Math.max(0, this.#until - Date.now());
  }

  /** A timer may be early by the part of a millisecond. */
  get isOver(): boolean {
    return this.leftMs <= 10;
  }

  /** For one request: aborted when the time is over. */
  signal(): AbortSignal {
    return AbortSignal.timeout(this.leftMs);
  }

  /** Waits for the person. */
  async excluding<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    const asked = Date.now();
    try {
      return await ask();
    } finally {
      this.#until += Date.now() - asked;
    }
  }
}
