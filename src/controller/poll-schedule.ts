interface Entry {
  readonly nextPollAt: number;
  readonly answered: boolean;
}

/** When each polled subject is due next; kept in memory while the subject is in use. */
export class PollSchedule<Subject> {
  readonly #keyOf: (subject: Subject) => string;
  readonly #entries = new Map<string, Entry>();

  constructor(keyOf: (subject: Subject) => string) {
    this.#keyOf = keyOf;
  }

  /**
   * @returns the longest due first; a new subject is due at once. Forgets those not in use.
   * @param now epoch milliseconds. @param accept called in that order for each that is due.
   */
  due(inUse: Iterable<Subject>, now: number, accept: (subject: Subject) => boolean): readonly Subject[] {
    /** Of several subjects with one key, the first counts. */
    const subjects = new Map<string, Subject>();
    for (const subject of inUse) {
      const key = this.#keyOf(subject);
      if (!subjects.has(key)) subjects.set(key, subject);
      if (!this.#entries.has(key)) this.#entries.set(key, { nextPollAt: now, answered: false });
    }
    for (const key of this.#entries.keys()) if (!subjects.has(key)) this.#entries.delete(key);
    const since = ([key]: readonly [string, Subject]): number => this.#entries.get(key)?.nextPollAt ?? now;
    return [...subjects]
      .filter((subject) => since(subject) <= now)
      .sort((left, right) => since(left) - since(right))
      .map(([, subject]) => subject)
      .filter(accept);
  }

  /** @param nextPollAt epoch milliseconds. */
  answered(key: string, nextPollAt: number): void {
    if (this.#entries.has(key)) this.#entries.set(key, { nextPollAt, answered: true });
  }

  /** For a subject that was not asked about or not answered. @param nextPollAt epoch milliseconds. */
  postpone(key: string, nextPollAt: number): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined) this.#entries.set(key, { ...entry, nextPollAt });
  }

  /** Number of subjects in use with at least one answer. */
  get answeredCount(): number {
    return [...this.#entries.values()].filter(({ answered }) => answered).length;
  }
}
