import type { RenewalWindow } from '../../src/certificates/renewal-window.ts';

/**
 * When each certificate of the fleet is asked about next, and what its cluster was told lately: kept in memory, by the
 * certificate, for as long as it is in use.
 */
export class LookSchedule {
  readonly #looks = new Map<string, Look>();
  #round = 0;

  /**
   * Certificates whose time has come, longest due first; one that is seen for the first time is due at once. What is not
   * among those present any more is forgotten.
   * @param present all certificates in use.
   * @param now epoch milliseconds.
   * @param most of them that are wanted.
   */
  due<Certificate extends { readonly certId: string }>(
    present: Iterable<Certificate>,
    now: number,
    most: number,
  ): readonly Certificate[] {
    this.#round += 1;
    const due: { readonly certificate: Certificate; readonly since: number }[] = [];
    for (const certificate of present) {
      const look = this.#looks.get(certificate.certId) ?? { next: now, answered: false, round: 0 };
      // Told of by two objects, it is asked about once.
      if (look.round === this.#round) continue;
      look.round = this.#round;
      this.#looks.set(certificate.certId, look);
      if (look.next <= now) due.push({ certificate, since: look.next });
    }
    for (const [certId, { round }] of this.#looks) if (round !== this.#round) this.#looks.delete(certId);
    return due
      .sort((one, other) => one.since - other.since)
      .slice(0, most)
      .map(({ certificate }) => certificate);
  }

  /** The CA gave its renewal information. @param next epoch milliseconds. */
  answered(certId: string, next: number): void {
    this.#set(certId, { next, answered: true });
  }

  /** It did not, or was not asked. @param next epoch milliseconds. */
  postponed(certId: string, next: number): void {
    this.#set(certId, { next });
  }

  /** Its cluster was told of this window. @param until when it is to be seen that it was (epoch milliseconds). */
  told(certId: string, window: RenewalWindow, until: number): void {
    this.#set(certId, { told: { window, until } });
  }

  /** What its cluster was told and has not shown yet. @param now epoch milliseconds. */
  toldLately(certId: string, now: number): RenewalWindow | undefined {
    const told = this.#looks.get(certId)?.told;
    return told !== undefined && told.until > now ? told.window : undefined;
  }

  /** How many of the certificates in use have had an answer. */
  get answeredCount(): number {
    let count = 0;
    for (const { answered } of this.#looks.values()) count += Number(answered);
    return count;
  }

  #set(certId: string, change: Partial<Look>): void {
    const look = this.#looks.get(certId);
    if (look !== undefined) Object.assign(look, change);
  }
}

interface Look {
  /** Epoch milliseconds. */
  next: number;
  answered: boolean;
  told?: { readonly window: RenewalWindow; readonly until: number };
  /** The round in which it was last seen. */
  round: number;
}
