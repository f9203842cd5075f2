/** When each polled subject is due next; kept in memory while the subject is in use. */
export class PollSchedule<Subject> {
  readonly #keyOf: (subject: Subject) => string;
  readonly #entries = new Map<string, Entry>();
  #round = 0;

  constructor(keyOf: (subject: Subject) => string) {
    this.#keyOf = keyOf;
  }

  /** @returns the longest due first; a new subject is due at once. Forgets those not in use. @param now epoch ms. */
  due(inUse: Iterable<Subject>, now: number, max: number): readonly Subject[] {
    this.#round += 1;
    const due: { readonly subject: Subject; readonly since: number }[] = [];
    for (const subject of inUse) {
      const key = this.#keyOf(subject);
      const entry: Entry = this.#entries.get(key) ?? { nextPollAt: now, answered: false, round: 0 };
      if (entry.round === this.#round) continue;
      entry.round = this.#round;
      this.#entries.set(key, entry);
      if (entry.nextPollAt <= now) due.push({ subject, since: entry.nextPollAt });
    }
    for (const [key, { round }] of this.#entries) if (round !== this.#round) this.#entries.delete(key);
    return due
      .sort((left, right) => left.since - right.since)
      .slice(0, max)
      .map(({ subject }) => subject);
  }

  /** @param nextPollAt epoch milliseconds. */
  answered(key: string, nextPollAt: number): void {
    this.#update(key, { nextPollAt, answered: true });
  }

  /** For a subject that was not asked about or not answered. @param nextPollAt epoch milliseconds. */
  postpone(key: string, nextPollAt: number): void {
    this.#update(key, { nextPollAt });
  }

  /** Number of subjects in use with at least one answer. */
  get answeredCount(): number {
    let count = 0;
    for (const { answered } of this.#entries.values()) count += Number(answered);
    return count;
  }

  #update(key: string, change: Partial<Entry>): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined) Object.assign(entry, change);
  }
}

interface Entry {
  nextPollAt: number;
  answered: boolean;
  /** Last round in which the subject was in use; of several subjects with one key, the first of a round counts. */
  round: number;
}
