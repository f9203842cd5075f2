import type { CaList } from '../acme/ca-list.ts';
import type { BundleRef } from '../contract/activities/bundle-ref.ts';
import type { BudgetStep } from './context.ts';

/**
 * Releases the turns that an order waits for at the CAs' budgets. Never throws: a budget that is not reached drops the
 * order six hours after its instant.
 * @param placedAt name of the CA that has taken the order, whose budget counts it; undefined: none has.
 */
export async function releaseTurns(
  cas: Pick<CaList, 'first' | 'fallbacks'>,
  budget: Pick<BudgetStep, 'release'>,
  bundle: BundleRef,
  placedAt?: string,
): Promise<void> {
  const others = [cas.first, ...cas.fallbacks].filter(({ name }) => name !== placedAt);
  // An account that is not usable has no order that waits.
  await Promise.allSettled(others.map((source) => source.withClient((ca) => budget.release(ca, bundle))));
}
