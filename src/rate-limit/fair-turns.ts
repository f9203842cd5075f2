/**
 * In which round an order takes its turn, so that neither a namespace nor a domain with many orders holds up those of
 * others: start-time fair queueing (Goyal, Vin and Cheng, 1996) by namespace within a domain. Pure.
 */

/** So many orders of a domain share a round: a domain of one order does not wait for all those of another. */
const ORDERS_PER_ROUND = 50;

interface Line {
  /** Round of the last order of this domain that was placed. */
  round: number;
  waiting: number;
  /** Round of the last order of each namespace. */
  readonly namespaces: Map<string, number>;
}

/** The rounds so far, as plain data: the last one, and those of domains, with namespaces of which no order waits. */
export interface FairTurnsState {
  readonly round: number;
  readonly domains: readonly (readonly [domain: string, round: number, namespaces: readonly [string, number][]])[];
}

/** The turns of orders of one urgency. */
export class FairTurns {
  #round: number;
  readonly #lines = new Map<string, Line>();

  constructor(state?: FairTurnsState) {
    this.#round = state?.round ?? 0;
    for (const [domain, round, namespaces] of state?.domains ?? []) {
      this.#lines.set(domain, { round, waiting: 0, namespaces: new Map(namespaces) });
    }
  }

  /** Another order waits. @returns its round; orders of one round go first come, first served. */
  join(domain: string, namespace: string): number {
    const line = this.#lines.get(domain) ?? { round: this.#round, waiting: 0, namespaces: new Map() };
    const last = line.namespaces.get(namespace);
    const own = last === undefined ? line.round : last + 1;
    const round = Math.max(line.round, own, line.round + Math.floor(line.waiting / ORDERS_PER_ROUND));
    this.#wait(domain, line, namespace, round);
    return round;
  }

  /** An order that has its round waits still: it is of an earlier state. */
  rejoin(domain: string, namespace: string, round: number): void {
    const line = this.#lines.get(domain) ?? { round, waiting: 0, namespaces: new Map() };
    this.#wait(domain, line, namespace, Math.max(round, line.namespaces.get(namespace) ?? 0));
  }

  /** An order waits no more. @param placed whether it had its turn. */
  leave(domain: string, namespace: string, round: number, placed: boolean): void {
    if (placed) this.#round = Math.max(this.#round, round);
    const line = this.#lines.get(domain);
    if (line === undefined) return;
    if (!placed && line.namespaces.get(namespace) === round) line.namespaces.delete(namespace);
    line.waiting -= 1;
    if (line.waiting <= 0) this.#lines.delete(domain);
    else if (placed) line.round = Math.max(line.round, round);
  }

  /** @param isWaiting whether orders of the namespace wait: their rounds are given to {@link rejoin}. */
  toState(isWaiting: (domain: string, namespace: string) => boolean): FairTurnsState {
    const domains = [...this.#lines].map(([domain, { round, namespaces }]) => {
      for (const [namespace, last] of namespaces) if (last < round) namespaces.delete(namespace);
      return [domain, round, [...namespaces].filter(([namespace]) => !isWaiting(domain, namespace))] as const;
    });
    return { round: this.#round, domains };
  }

  #wait(domain: string, line: Line, namespace: string, round: number): void {
    line.namespaces.set(namespace, round);
    line.waiting += 1;
    this.#lines.set(domain, line);
  }
}
