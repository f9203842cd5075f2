/** When each of the things that somebody outside is asked about is asked about next: kept in memory for as long as it is in use. */
export class PollSchedule<Subject> {
  readonly #keyOf: (subject: Subject) => string;
  readonly #entries = new Map<string, PollEntry>();
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
      const look: PollEntry = this.#entries.get(key) ?? { nextPoll: now, recordAnswer: false, round: 0 };
      // Told of by two objects, it is asked about once.
      if (look.round === this.#round) continue;
      look.round = this.#round;
      this.#entries.set(key, look);
      if (look.nextPoll <= now) due.push({ subject, since: look.nextPoll });
    }
    for (const [key, { round }] of this.#entries) if (round !== this.#round) this.#entries.delete(key);
    return due
      .sort((one, other) => one.since - other.since)
      .slice(0, most)
      .map(({ subject }) => subject);
  }

  /** There was an answer. @param nextPoll epoch milliseconds. */
  answered(key: string, nextPoll: number): void {
    this.#set(key, { nextPoll, recordAnswer: true });
  }

  /** There was none, or nobody was asked. @param nextPoll epoch milliseconds. */
  postpone(key: string, nextPoll: number): void {
    this.#set(key, { nextPoll });
  }

  /** Of how many of those in use there has been an answer. */
  get answeredCount(): number {
    let count = 0;
    for (const { recordAnswer } of this.#entries.values()) count += Number(recordAnswer);
    return count;
  }

  #set(key: string, change: Partial<PollEntry>): void {
    const look = this.#entries.get(key);
    if (look !== undefined) Object.assign(look, change);
  }
}

interface PollEntry {
  /** Epoch milliseconds. */
  nextPoll: number;
  recordAnswer: boolean;
  /** The round in which it was last seen. */
  round: number;
}
