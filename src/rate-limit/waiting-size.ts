/** How large the state of the orders that wait is. Pure. */
import type { BudgetOrder } from './budget-order.ts';

/** Of the numbers and punctuation of an order. */
const CHARACTERS_OF_NUMBERS = 70;
/** Of those of a list of domains, and of the line of its first. */
const CHARACTERS_OF_LINE = 60;

/** Counts what the orders that wait take in the state: a bound, in characters. */
export class WaitingSize {
  #characters = 0;
  /** How many orders have each list of domains, which the state has once. */
  readonly #lists = new Map<string, number>();

  get characters(): number {
    return this.#characters;
  }

  add(order: BudgetOrder): void {
    const list = order.domains.join(' ');
    const before = this.#lists.get(list) ?? 0;
    this.#lists.set(list, before + 1);
    this.#characters += charactersOf(order) + (before === 0 ? charactersOfDomains(order) : 0);
  }

  /** @param order as it was added. */
  remove(order: BudgetOrder): void {
    const list = order.domains.join(' ');
    const left = (this.#lists.get(list) ?? 1) - 1;
    if (left === 0) this.#lists.delete(list);
    else this.#lists.set(list, left);
    this.#characters -= charactersOf(order) + (left === 0 ? charactersOfDomains(order) : 0);
  }
}

function charactersOf({ id, namespace, nameSet }: BudgetOrder): number {
  return id.length + namespace.length + nameSet.length + CHARACTERS_OF_NUMBERS;
}

function charactersOfDomains({ domains: [first = '', ...others] }: BudgetOrder): number {
  return 2 * first.length + others.join('","').length + CHARACTERS_OF_LINE;
}
