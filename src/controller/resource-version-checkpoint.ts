/**
 * How far one stream of events has been dealt with, when several are dealt with at once: the position of the last event
 * before which nothing is outstanding. Only that may be handed to the next worker.
 */
export class ResourceVersionCheckpoint {
  readonly #outstanding: { readonly position: string; done: boolean }[] = [];
  #resourceVersion: string | undefined;

  constructor(resumeFrom: string | undefined) {
    this.#resourceVersion = resumeFrom;
  }

  /** Where to go on from; undefined: nowhere, list. */
  get resourceVersion(): string | undefined {
    return this.#resourceVersion;
  }

  /** @returns what to call when everything that came with `position` is done. */
  begin(position: string): () => void {
    const entry = { position, done: false };
    this.#outstanding.push(entry);
    return () => {
      entry.done = true;
      this.#advance();
    };
  }

  /** The stream was lost and is listed afresh: what was handled before says nothing about what comes now. */
  reset(): void {
    this.#resourceVersion = undefined;
    this.#outstanding.length = 0;
  }

  #advance(): void {
    while (this.#outstanding[0]?.done === true) {
      this.#resourceVersion = this.#outstanding[0].position;
      this.#outstanding.shift();
    }
  }
}
