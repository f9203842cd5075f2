import { ApplicationFailure } from '@temporalio/workflow';
import {
  type FailedAuthorizations,
  MAX_ORDERS_IN_REQUEST,
  type OrderRefusal,
  type ReleasedOrders,
  type ReserveRequest,
  type WorkerLimits,
} from '../../src/contract/ca-budget.ts';
import { fieldsOf, isAbsentOr, isInstant, isListOf } from '../../src/contract/shape.ts';
import { type BudgetOrder, URGENCIES } from '../../src/rate-limit/budget-order.ts';
import { COUNTED, type Counted } from '../../src/rate-limit/ca-limits.ts';
import type { RateLimit } from '../../src/rate-limit/gcra.ts';

/** Of a worker that starts now: more than what clocks differ by where certificates can be verified. */
const MAX_CLOCK_AHEAD_MS = 3_600_000;

/** The longest period that a setting can state. */
const MAX_INTERVAL_MS = 90 * 86_400_000;

/** Registered domains with a limit of their own. */
const MAX_OVERRIDES = 10_000;

/**
 * A validator: what is refused leaves no event, and an order that the model cannot work with would fail every later task.
 * @throws ApplicationFailure
 */
export function requireReserveRequest(request: ReserveRequest): void {
  if (isReserveRequest(request)) return;
  throw ApplicationFailure.nonRetryable('This is no request for turns of orders.', 'budget/malformed');
}

function isReserveRequest(request: unknown): boolean {
  const { orders, limits } = fieldsOf<ReserveRequest>(request);
  return isListOf(orders, MAX_ORDERS_IN_REQUEST, isOrder) && areLimits(limits);
}

function areLimits(limits: unknown): boolean {
  const { since, account, domain, exactSet, failedAuthorizations, domainOverrides } = fieldsOf<WorkerLimits>(limits);
  return (
    isStart(since) &&
    [account, domain, exactSet, failedAuthorizations].every((limit) => isAbsentOr(limit, isLimit)) &&
    isAbsentOr(domainOverrides, (overrides) => isListOf(overrides, MAX_OVERRIDES, isOverride))
  );
}

/** One far ahead would hold its limits against those of every worker that starts later. */
function isStart(since: unknown): boolean {
  return typeof since === 'number' && since <= Date.now() + MAX_CLOCK_AHEAD_MS;
}

function isOverride(override: unknown): boolean {
  return Array.isArray(override) && override.length === 2 && isModelText(override[0]) && isLimit(override[1]);
}

function isLimit(limit: unknown): boolean {
  const { burst, intervalMs } = fieldsOf<RateLimit>(limit);
  return isNumber(burst) && burst >= 1 && isNumber(intervalMs) && intervalMs > 0 && intervalMs <= MAX_INTERVAL_MS;
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
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
