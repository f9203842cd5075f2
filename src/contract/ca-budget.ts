/** Messages, input and id of `caBudget`, the budget of a CA's account. docs/decisions/ca-budget.md has the reasons. */
import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import { digestOf } from '../certificates/digest.ts';
import type { AccountLimits } from '../rate-limit/account-limits.ts';
import type { BudgetOrder } from '../rate-limit/budget-order.ts';
import type { BudgetUsage, Reservation, WaitingOrder } from '../rate-limit/ca-budget.ts';
import type { CaBudgetState } from '../rate-limit/ca-budget-state.ts';
import type { Counted } from '../rate-limit/ca-limits.ts';

/** The task queue of what management clusters share: the workers of each poll it, for workflow tasks only. */
export const SHARED_TASK_QUEUE = 'certman';

/** Orders in a request at most. */
export const MAX_ORDERS_IN_REQUEST = 100;

/** The longest time that an order is held at once (milliseconds): then it asks again. The longest period of a limit. */
export const MAX_TURN_WAIT_MS = 7 * 24 * 3_600_000;

/** Workflow id of an account's budget. */
export function caBudgetWorkflowId({ caHost, accountUrl }: BudgetedAccount): string {
  return `budget/${caHost.slice(0, 200)}/${digestOf(accountUrl)}`;
}

/** `BudgetOrder.id` of a bundle's order. */
export function budgetOrderId(clusterWorkflowId: string, bundleName: string): string {
  return `${clusterWorkflowId}#${bundleName}`;
}

/** The inverse of {@link budgetOrderId}: a workflow id has no `#`. */
export function bundleOfOrder(orderId: string): { readonly workflowId: string; readonly bundleName: string } {
  const [workflowId = '', ...bundleName] = orderId.split('#');
  return { workflowId, bundleName: bundleName.join('#') };
}

/** An account of a CA. */
export interface BudgetedAccount {
  /** Name of the CA: host of its directory, with the path unless that is the usual one. */
  readonly caHost: string;
  readonly accountUrl: string;
}

/** Limits by the settings of a worker. The settings of the worker that started last hold. */
export interface WorkerLimits extends AccountLimits {
  /** When that worker started: epoch milliseconds. */
  readonly since: number;
}

/** Argument of `reserveOrders`. */
export interface ReserveRequest {
  /** At most {@link MAX_ORDERS_IN_REQUEST}. */
  readonly orders: readonly BudgetOrder[];
  readonly limits: WorkerLimits;
}

/** When these may be placed, in their order. One that got a later instant asks again then, with the same id. */
export const reserveOrders = defineUpdate<readonly Reservation[], [ReserveRequest]>('reserveOrders');
/** The CA refused an order by this limit until `until` (RFC 3339). */
export const orderRefused = defineSignal<[OrderRefusal]>('orderRefused');
/** The CA could not authorize these names, without `*.`. */
export const authorizationsFailed = defineSignal<[FailedAuthorizations]>('authorizationsFailed');
/** These orders (`BudgetOrder.id`) are not wanted any more: their turns are free. */
export const ordersReleased = defineSignal<[ReleasedOrders]>('ordersReleased');
/** What is left of each limit, and who waits. */
export const budgetStatus = defineQuery<BudgetStatus, [BudgetStatusRequest]>('budgetStatus');

/** Argument of `orderRefused`. */
export interface OrderRefusal {
  readonly order: BudgetOrder;
  /** The limit that refused it. */
  readonly counted: Counted;
  /** RFC 3339. */
  readonly until: string;
}

/** Argument of `authorizationsFailed`. */
export interface FailedAuthorizations {
  /** Without `*.` */
  readonly names: readonly string[];
}

/** Argument of `ordersReleased`. */
export interface ReleasedOrders {
  /** `BudgetOrder.id` */
  readonly ids: readonly string[];
}

/** Argument of `budgetStatus`. */
export interface BudgetStatusRequest {
  /** Limits, and orders that wait, to list at most. */
  readonly most: number;
  /** Only this one, and the orders that wait for it. */
  readonly scope?: string;
}

/** Kinds of limits on orders, as metrics label them. */
export const LIMIT_KINDS = ['account', 'domain', 'exactSet'] as const satisfies readonly Counted[];

/** What is used of the limits of a kind. */
export interface LimitKindUsage {
  readonly kind: (typeof LIMIT_KINDS)[number];
  /** Orders that wait for one of them. */
  readonly waiting: number;
  /** Of the one of which the smallest part is left. */
  readonly burst: number;
  readonly left: number;
  /** After each of these, one more is left. Milliseconds. */
  readonly intervalMs: number;
}

/** Result of `budgetStatus`. */
export interface BudgetStatus extends BudgetedAccount {
  /** The account, then those of which the smallest part is left. */
  readonly usage: readonly BudgetUsage[];
  /** Limits, of those that were asked for, of which something is used or waited for: listed or not. */
  readonly limits: number;
  /** The first ones first. */
  readonly queue: readonly WaitingOrder[];
  /** Orders that wait, listed or not. */
  readonly waiting: number;
  /** Of all limits of which something is used or waited for; absent: by a worker of an earlier version. */
  readonly kinds?: readonly LimitKindUsage[];
}

/** What was used before there was a budget: epoch milliseconds by limit, in ascending order. */
export type UsedBefore = readonly (readonly [scope: string, instants: readonly number[]])[];

/** Input of `caBudget`. */
export interface CaBudgetInput extends BudgetedAccount {
  readonly limits: WorkerLimits;
  /** Only of the first run. */
  readonly used?: UsedBefore;
  /** Set by continue-as-new only. */
  readonly carried?: CaBudgetState;
}
