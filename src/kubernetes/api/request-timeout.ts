/** A signal aborted by its source or after a time. Not `AbortSignal.any`: its signals live as long as the source. */
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

  close(): void {
    this.stop();
    this.#source?.removeEventListener('abort', this.#forward);
  }

  abort(): void {
    this.close();
    this.#controller.abort();
  }
}
