/** When each of the things that somebody outside is asked about is asked about next: kept in memory for as long as it is in use. */
export class LookSchedule<Subject> {
  readonly #keyOf: (subject: Subject) => string;
  readonly #looks = new Map<string, Look>();
  #round = 0;

  /** @param keyOf what two sightings of the same thing have in common. */
  constructor(keyOf: (subject: Subject) => string) {
    this.#keyOf = keyOf;
  }

  /**
   * Those whose time has come, longest due first; one that is seen for the first time is due at once. What is not among those
   * present any more is forgotten.
   * @param present all that are in use.
   * @param now epoch milliseconds.
   * @param most of them that are wanted.
   */
  due(present: Iterable<Subject>, now: number, most: number): readonly Subject[] {
    this.#round += 1;
    const due: { readonly subject: Subject; readonly since: number }[] = [];
    for (const subject of present) {
      const key = this.#keyOf(subject);
      const look: Look = this.#looks.get(key) ?? { next: now, answered: false, round: 0 };
      // Told of by two objects, it is asked about once.
      if (look.round === this.#round) continue;
      look.round = this.#round;
      this.#looks.set(key, look);
      if (look.next <= now) due.push({ subject, since: look.next });
    }
    for (const [key, { round }] of this.#looks) if (round !== this.#round) this.#looks.delete(key);
    return due
      .sort((one, other) => one.since - other.since)
      .slice(0, most)
      .map(({ subject }) => subject);
  }

  /** There was an answer. @param next epoch milliseconds. */
  answered(key: string, next: number): void {
    this.#set(key, { next, answered: true });
  }

  /** There was none, or nobody was asked. @param next epoch milliseconds. */
  postponed(key: string, next: number): void {
    this.#set(key, { next });
  }

  /** Of how many of those in use there has been an answer. */
  get answeredCount(): number {
    let count = 0;
    for (const { answered } of this.#looks.values()) count += Number(answered);
    return count;
  }

  #set(key: string, change: Partial<Look>): void {
    const look = this.#looks.get(key);
    if (look !== undefined) Object.assign(look, change);
  }
}

interface Look {
  /** Epoch milliseconds. */
  next: number;
  answered: boolean;
  /** The round in which it was last seen. */
  round: number;
}
