import { ApplicationFailure } from '@temporalio/workflow';
import { MAX_ORDERS_IN_REQUEST, type ReserveRequest } from '../../src/contract/ca-budget.ts';
import { type BudgetOrder, URGENCIES } from '../../src/rate-limit/budget-order.ts';
import type { RateLimit } from '../../src/rate-limit/gcra.ts';

/**
 * A validator: what is refused leaves no event, and an order that the model cannot work with would fail every later task.
 * @throws ApplicationFailure
 */
export function requireReserveRequest(request: ReserveRequest): void {
  if (isReserveRequest(request)) return;
  throw ApplicationFailure.nonRetryable('This is no request for turns of orders.', 'budget/malformed');
}

function isReserveRequest({ orders, limits }: ReserveRequest): boolean {
  if (!Array.isArray(orders) || orders.length > MAX_ORDERS_IN_REQUEST || typeof limits?.since !== 'number')
    return false;
  const { account, domain, exactSet, failedAuthorizations, domainOverrides = [] } = limits;
  const stated = [account, domain, exactSet, failedAuthorizations, ...domainOverrides.map(([, limit]) => limit)];
  return stated.every(isLimit) && (orders as ReserveRequest['orders']).every((order) => isOrder(order));
}

function isLimit(limit: RateLimit | undefined): boolean {
  return limit === undefined || (limit.burst >= 1 && limit.intervalMs > 0 && Number.isFinite(limit.intervalMs));
}

/** Whether the model can work with an order. */
export function isOrder(order: BudgetOrder | undefined): boolean {
  if (!Array.isArray(order?.domains) || !Array.isArray(order.names)) return false;
  const { id, namespace, nameSet, urgency, domains, names } = order;
  return URGENCIES.includes(urgency) && areTexts([id, namespace, nameSet, ...domains, ...names]);
}

/** Whether these are texts of bounded length and number. */
export function areTexts(texts: readonly unknown[]): boolean {
  return texts.length <= 1_000 && texts.every((text) => typeof text === 'string' && text.length <= 600);
}
