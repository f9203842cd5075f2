/** A poll of a subject; obsolete once its key has another one. */
export interface DuePoll {
  readonly key: string;
}

/** Whether a subject that is due is polled now, at another round, or not in use any more. `full`: the round is. */
export type Acceptance = 'accepted' | 'later' | 'forget' | 'full';

/** What is due, offered one of each namespace in turn: those of a namespace with thousands hold up no other's. */
export class DueTurns<Poll extends DuePoll> {
  /** In the order of the turns; the longest due first in each. */
  readonly #byNamespace = new Map<string, Poll[]>();

  add(namespace: string, poll: Poll): void {
    const due = this.#byNamespace.get(namespace);
    if (due === undefined) this.#byNamespace.set(namespace, [poll]);
    else due.push(poll);
  }

  /** Each once, until the round is full; it stays due until it is to be forgotten. */
  offer(accept: (poll: Poll) => Acceptance): void {
    const offered = new Set<Poll>();
    // A namespace that is put at the end is visited again.
    for (const [namespace, due] of this.#byNamespace) {
      const [next] = due;
      if (next === undefined || offered.has(next)) continue;
      const acceptance = accept(next);
      if (acceptance === 'full') return;
      due.shift();
      if (acceptance !== 'forget') {
        offered.add(next);
        due.push(next);
      }
      this.#byNamespace.delete(namespace);
      if (due.length > 0) this.#byNamespace.set(namespace, due);
    }
  }
}
