/**
 * How far one informer has come while it handles several events at once: the resourceVersion of the last event before which
 * none is unfinished. Only from there may another worker resume.
 */
export class ResourceVersionCheckpoint {
  readonly #unfinished: { readonly resourceVersion?: string; readonly onReached?: () => void; done: boolean }[] = [];
  #resourceVersion: string | undefined;

  constructor(resumeFrom: string | undefined) {
    this.#resourceVersion = resumeFrom;
  }

  /** Undefined: there is nothing to resume from, list. */
  get resourceVersion(): string | undefined {
    return this.#resourceVersion;
  }

  /**
   * Records an event whose handling begins.
   * @param resourceVersion undefined: an item of a list, which has no position of its own.
   * @param onReached called when this event and all before it are handled.
   * @returns to be called when the event is handled.
   */
  begin(resourceVersion?: string, onReached?: () => void): () => void {
    const event = { resourceVersion, onReached, done: false };
    this.#unfinished.push(event);
    return () => {
      event.done = true;
      this.#advance();
    };
  }

  /** Forgets everything: a list starts afresh. */
  reset(): void {
    this.#resourceVersion = undefined;
    this.#unfinished.length = 0;
  }

  #advance(): void {
    while (this.#unfinished[0]?.done === true) {
      const { resourceVersion, onReached } = this.#unfinished[0];
      this.#unfinished.shift();
      this.#resourceVersion = resourceVersion ?? this.#resourceVersion;
      onReached?.();
    }
  }
}
