import { MAX_ORDERS_IN_REQUEST } from '../contract/ca-budget.ts';
import { CertmanError } from '../failures/failure.ts';
import type { BudgetOrder } from '../rate-limit/budget-order.ts';
import type { Reservation } from '../rate-limit/ca-budget.ts';

/** An order is held so long at most before it is known when it may be placed. */
const MAX_WAIT_MS = 20_000;

/** Names of all orders of a request, in characters. */
const MAX_REQUEST_CHARACTERS = 200_000;

interface Asked {
  readonly order: BudgetOrder;
  readonly characters: number;
  readonly answer: PromiseWithResolvers<Reservation>;
}

/**
 * One request for many orders: while one is under way, those that ask wait for the next. A workflow takes ten requests at
 * a time.
 */
export class ReservationQueue {
  readonly #reserve: (orders: readonly BudgetOrder[]) => Promise<readonly Reservation[]>;
  #asked: Asked[] = [];
  #underWay = false;

  /** @param reserve answers orders by id. */
  constructor(reserve: (orders: readonly BudgetOrder[]) => Promise<readonly Reservation[]>) {
    this.#reserve = reserve;
  }

  /** @throws what the request throws; CertmanError `temporal/unreachable` after some seconds. */
  async ask(order: BudgetOrder): Promise<Reservation> {
    const answer = Promise.withResolvers<Reservation>();
    const characters = JSON.stringify(order).length;
    const asked = { order, characters, answer };
    this.#asked.push(asked);
    void this.#run();
    const timer = setTimeout(() => {
      this.#asked = this.#asked.filter((one) => one !== asked);
      answer.reject(noAnswer());
    }, MAX_WAIT_MS);
    try {
      return await answer.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  async #run(): Promise<void> {
    if (this.#underWay) return;
    this.#underWay = true;
    try {
      while (this.#asked.length > 0) await this.#request(this.#takeNext());
    } finally {
      this.#underWay = false;
    }
  }

  #takeNext(): readonly Asked[] {
    let characters = 0;
    let count = 0;
    for (const asked of this.#asked.slice(0, MAX_ORDERS_IN_REQUEST)) {
      characters += asked.characters;
      if (count > 0 && characters > MAX_REQUEST_CHARACTERS) break;
      count += 1;
    }
    return this.#asked.splice(0, count);
  }

  async #request(batch: readonly Asked[]): Promise<void> {
    try {
      const reservations = await this.#reserve(batch.map(({ order }) => order));
      const byId = new Map(reservations.map((reservation) => [reservation.id, reservation]));
      for (const { order, answer } of batch) {
        const found = byId.get(order.id);
        if (found === undefined) answer.reject(noAnswer());
        else answer.resolve(found);
      }
    } catch (error) {
      for (const { answer } of batch) answer.reject(error);
    }
  }
}

function noAnswer(): CertmanError {
  return new CertmanError({ code: 'temporal/unreachable', message: 'The budget of the CA does not answer.' });
}
