/** Tracks up to which resourceVersion every event is handled: only from there may another worker resume. */
export class ResourceVersionCheckpoint {
  readonly #unfinished: { readonly resourceVersion?: string; readonly onReached?: () => void; done: boolean }[] = [];
  #resourceVersion: string | undefined;

  constructor(resumeFrom: string | undefined) {
    this.#resourceVersion = resumeFrom;
  }

  /** Undefined: nothing to resume from, list. */
  get resourceVersion(): string | undefined {
    return this.#resourceVersion;
  }

  /**
   * @param resourceVersion undefined: an item of a list, which has no position of its own.
   * @param onReached called when this event and all before it are handled.
   * @returns to be called when the event is handled.
   */
  begin(resourceVersion?: string, onReached?: () => void): () => void {
    const event = { resourceVersion, onReached, done: false };
    this.#unfinished.push(event);
    return () => {
      event.done = true;
      while (this.#unfinished[0]?.done === true) {
        const reached = this.#unfinished[0];
        this.#unfinished.shift();
        this.#resourceVersion = reached.resourceVersion ?? this.#resourceVersion;
        reached.onReached?.();
      }
    };
  }

  /** For a list that starts afresh. */
  reset(): void {
    this.#resourceVersion = undefined;
    this.#unfinished.length = 0;
  }
}
