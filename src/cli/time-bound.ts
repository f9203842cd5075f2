import { duration } from '../configuration/values.ts';
import { UsageError } from './arguments.ts';
import { DEFAULT_TIMEOUT } from './kubectl-options.ts';

const DURATION = duration('1s', '7d');

/** The time that a person gives a command (`--timeout`). It does not pass while the person is asked. */
export class TimeBound {
  #until: number;
  /** As the person gave it. */
  readonly flag: string;

  /** @param ms from now. */
  constructor(ms: number, flag = `${ms}ms`) {
    this.#until = Date.now() + ms;
    this.flag = flag;
  }

  /** From now. @param flag the value of `--timeout`. @throws UsageError */
  static of(flag: string): TimeBound {
    const ms = DURATION.parse(flag);
    if (ms === undefined || Number.isNaN(ms))
      throw new UsageError(`--timeout is "${flag}"; expected a duration such as ${DEFAULT_TIMEOUT}, from 1s to 7d`);
    return new TimeBound(ms, flag);
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
