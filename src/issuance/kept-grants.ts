import { LRUCache } from 'lru-cache';
import { maxEntries } from '../cache/max-entries.ts';
import type { BudgetOrder } from '../rate-limit/budget-order.ts';

/** An order whose CA is away is tried again meanwhile: it uses what it was granted then. */
const KEPT_MS = 10 * 60_000;
const MAX_GRANTS = 10_000;

/** Orders that the budget lets be placed and that are not placed yet, so that each counts once however often it fails. */
export class KeptGrants {
  readonly #grants = new LRUCache<string, true>({ ...maxEntries(MAX_GRANTS), ttl: KEPT_MS });

  keep(accountUrl: string, order: BudgetOrder): void {
    this.#grants.set(keyOf(accountUrl, order), true);
  }

  has(accountUrl: string, order: BudgetOrder): boolean {
    return this.#grants.has(keyOf(accountUrl, order));
  }

  use(accountUrl: string, order: BudgetOrder): void {
    this.#grants.delete(keyOf(accountUrl, order));
  }
}

/** What one account's budget granted is none of another's: an order may go to another CA meanwhile. */
function keyOf(accountUrl: string, { id, nameSet, exemption }: BudgetOrder): string {
  return `${accountUrl} ${id} ${nameSet} ${exemption ?? ''}`;
}
