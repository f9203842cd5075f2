import { ApplicationFailure } from '@temporalio/workflow';
import {
  type FailedAuthorizations,
  MAX_ORDERS_IN_REQUEST,
  type OrderRefusal,
  type ReleasedOrders,
  type ReserveRequest,
} from '../../src/contract/ca-budget.ts';
import { fieldsOf, isInstant, isListOf } from '../../src/contract/shape.ts';
import { type BudgetOrder, URGENCIES } from '../../src/rate-limit/budget-order.ts';
import { COUNTED, type Counted } from '../../src/rate-limit/ca-limits.ts';
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
function isOrder(order: unknown): order is BudgetOrder {
  const { id, namespace, nameSet, urgency, domains, names } = fieldsOf<BudgetOrder>(order);
  return (
    URGENCIES.includes(urgency as BudgetOrder['urgency']) &&
    [id, namespace, nameSet].every(isModelText) &&
    [domains, names].every(areTexts)
  );
}

/** Argument of `orderRefused`. */
export function isOrderRefusal(refusal: unknown): refusal is OrderRefusal {
  const { order, counted, until } = fieldsOf<OrderRefusal>(refusal);
  return isOrder(order) && COUNTED.includes(counted as Counted) && isInstant(until);
}

/** Argument of `authorizationsFailed`. */
export function isFailedAuthorizations(failed: unknown): failed is FailedAuthorizations {
  return areTexts(fieldsOf<FailedAuthorizations>(failed).names);
}

/** Argument of `ordersReleased`. */
export function isReleasedOrders(released: unknown): released is ReleasedOrders {
  return areTexts(fieldsOf<ReleasedOrders>(released).ids);
}

function areTexts(texts: unknown): boolean {
  return isListOf(texts, 1_000, isModelText);
}

function isModelText(text: unknown): boolean {
  return typeof text === 'string' && text.length <= 600;
}
