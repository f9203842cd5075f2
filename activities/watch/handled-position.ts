/**
 * How far one stream of events has been dealt with, when several are dealt with at once: the position of the last event
 * before which nothing is outstanding. Only that may be handed to the next worker.
 */
export class HandledPosition {
  readonly #outstanding: { readonly position: string; done: boolean }[] = [];
  #handled: string | undefined;

  constructor(resumeFrom: string | undefined) {
    this.#handled = resumeFrom;
  }

  /** Where to go on from; undefined: nowhere, list. */
  get handled(): string | undefined {
    return this.#handled;
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
  forget(): void {
    this.#handled = undefined;
    this.#outstanding.length = 0;
  }

  #advance(): void {
    while (this.#outstanding[0]?.done === true) {
      this.#handled = this.#outstanding[0].position;
      this.#outstanding.shift();
    }
  }
}
