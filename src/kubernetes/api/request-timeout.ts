/**
 * A signal that is aborted with its source, or when time runs out. Not `AbortSignal.any`: that keeps each signal it ever made
 * alive for as long as its source lives.
 */
export class RequestTimeout {
  readonly #source: AbortSignal | undefined;
  readonly #ms: number;
  readonly #message: string;
  readonly #controller = new AbortController();
  readonly #forward = (): void => this.#controller.abort(this.#source?.reason);
  #timer: NodeJS.Timeout | undefined;

  /** Starts the time. @throws the source's reason when it is aborted already. */
  constructor(source: AbortSignal | undefined, ms: number, message: string) {
    source?.throwIfAborted();
    this.#source = source;
    this.#ms = ms;
    this.#message = message;
    source?.addEventListener('abort', this.#forward, { once: true });
    this.start();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  start(): void {
    this.stop();
    this.#timer = setTimeout(() => this.#controller.abort(new Error(this.#message)), this.#ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** Detaches it from its source. */
  close(): void {
    this.stop();
    this.#source?.removeEventListener('abort', this.#forward);
  }

  /** Ends what still uses the signal. */
  abort(): void {
    this.close();
    this.#controller.abort();
  }
}
