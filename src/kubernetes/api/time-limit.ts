/**
 * A signal that is aborted with another one, or after some time. To be ended: unlike `AbortSignal.any` with
 * `AbortSignal.timeout`, whose signals Node.js (24.21) keeps long after what they were for has ended.
 */
export class TimeLimit {
  readonly #controller = new AbortController();
  readonly #parent: AbortSignal;
  readonly #timer: NodeJS.Timeout;

  /** @param ms from now; then the reason is a `TimeoutError`. @param parent whose reason is passed on. */
  constructor(ms: number, parent: AbortSignal) {
    this.#parent = parent;
    const timeout = new DOMException(`It took longer than ${ms / 1000} s`, 'TimeoutError');
    this.#timer = setTimeout(() => this.#controller.abort(timeout), ms);
    if (parent.aborted) this.#passOn();
    else parent.addEventListener('abort', this.#passOn);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** What the signal is for has ended. */
  end(): void {
    clearTimeout(this.#timer);
    this.#parent.removeEventListener('abort', this.#passOn);
  }

  readonly #passOn = (): void => this.#controller.abort(this.#parent.reason);
}
