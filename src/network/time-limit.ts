/**
 * A signal that is aborted after some time, or with another one. To be ended: unlike `AbortSignal.timeout` and
 * `AbortSignal.any`, whose signals Node.js (24.21) keeps long after what they were for has ended.
 */
export class TimeLimit {
  readonly #controller = new AbortController();
  readonly #parent: AbortSignal | undefined;
  readonly #timer: NodeJS.Timeout;

  /**
   * @param ms from now. @param parent whose reason is passed on.
   * @param reason when it is over; default: a `TimeoutError`.
   */
  constructor(ms: number, parent?: AbortSignal, reason: () => Error = () => timeoutError(ms)) {
    this.#parent = parent;
    this.#timer = setTimeout(() => this.#controller.abort(reason()), ms);
    if (parent?.aborted === true) this.#passOn();
    else parent?.addEventListener('abort', this.#passOn);
  }

  /** Runs work with a limit of its own, which ends with it. @throws what `work` throws. */
  static async run<Result>(
    ms: number,
    work: (signal: AbortSignal) => Promise<Result>,
    parent?: AbortSignal,
  ): Promise<Result> {
    const limit = new TimeLimit(ms, parent);
    try {
      return await work(limit.signal);
    } finally {
      limit.end();
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** What the signal is for has ended. */
  end(): void {
    clearTimeout(this.#timer);
    this.#parent?.removeEventListener('abort', this.#passOn);
  }

  readonly #passOn = (): void => this.#controller.abort(this.#parent?.reason);
}

function timeoutError(ms: number): DOMException {
  return new DOMException(`It took longer than ${ms / 1000} s`, 'TimeoutError');
}
