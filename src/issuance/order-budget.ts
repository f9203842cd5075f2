import { z } from 'zod';
import type { FailedAuthorizationsError } from '../acme/authorization.ts';
import type { AcmeClient } from '../acme/client.ts';
import { type RefusedLimit, refusedLimit } from '../acme/refused-limit.ts';
import type { BundleRef } from '../contract/activities/bundle-ref.ts';
import { type BudgetedAccount, budgetOrderId, MAX_TURN_WAIT_MS, type WorkerLimits } from '../contract/ca-budget.ts';
import { clusterWorkflowId } from '../contract/ids.ts';
import { CertmanError } from '../failures/failure.ts';
import { accountLimitsOf, type StatedLimit } from '../rate-limit/account-limits.ts';
import type { BudgetOrder } from '../rate-limit/budget-order.ts';
import type { Counted } from '../rate-limit/ca-limits.ts';
import { turnMessage } from '../rate-limit/turn-text.ts';
import { budgetOrderOf, type OrderedBundle } from './budgeted-order.ts';
import { KeptGrants } from './kept-grants.ts';
import { ReservationQueue } from './reservation-queue.ts';

/** An order that certificates in use depend on is not held longer at once. */
const MAX_URGENT_WAIT_MS = 6 * 3_600_000;

/** After a budget did not answer, it is not asked for so long: an order would wait for the answer in vain. */
const PAUSE_MS = 30_000;

/** The log says that often that no budget answers. */
const WARNING_INTERVAL_MS = 10 * 60_000;

/** How the budgets of accounts are reached. All throw when the budget does not answer in some seconds. */
export interface BudgetGateway {
  /** @returns what the budget answered; not validated. */
  reserve(account: BudgetedAccount, orders: readonly BudgetOrder[], limits: WorkerLimits): Promise<unknown>;
  orderRefused(account: BudgetedAccount, order: BudgetOrder, counted: Counted, until: Date): Promise<void>;
  ordersReleased(account: BudgetedAccount, ids: readonly string[]): Promise<void>;
  authorizationsFailed(account: BudgetedAccount, names: readonly string[]): Promise<void>;
  /** @returns `BudgetStatus.kinds`; not validated. */
  kinds(account: BudgetedAccount): Promise<unknown>;
}

/** What became of an order that asked: it may be placed, but for `queued`. */
export const BUDGET_OUTCOMES = ['granted', 'queued', 'unavailable', 'overdue', 'refused'] as const;

/** What an {@link OrderBudget} needs from the worker. */
export interface OrderBudgetOptions {
  readonly gateway: BudgetGateway;
  /** By the setting. */
  readonly stated: readonly StatedLimit[];
  readonly onOutcome?: (outcome: (typeof BUDGET_OUTCOMES)[number]) => void;
  /** Called when a budget was asked, or corrected. */
  readonly onAsked?: (account: BudgetedAccount) => void;
  readonly onWarning?: (message: string) => void;
}

/** Why an order may be placed now. */
export type Admission = 'granted' | 'unavailable' | 'overdue';

// Temporal is a trust boundary: what a budget answers is data.
const reservationSchema = z.object({
  id: z.string().max(600),
  at: z.number().min(0).max(8e15),
  granted: z.boolean(),
  queue: z
    .object({
      position: z.int().min(1).max(1e7),
      of: z.int().min(1).max(1e7),
      scope: z.string().regex(/^(account|domain:[\w.-]{1,253}|exactSet:\w{1,64})$/),
    })
    .optional(),
});
const answerSchema = z.array(reservationSchema).max(1_000);

/**
 * Asks the budget of the CA's account before an order is placed (docs/decisions/ca-budget.md). A CA without limits has no
 * budget. A budget that does not answer holds up nothing: the CA refuses what exceeds its limits.
 */
export class OrderBudget {
  readonly #options: OrderBudgetOptions;
  readonly #since = Date.now();
  readonly #limits = new Map<string, WorkerLimits | undefined>();
  readonly #grants = new KeptGrants();
  readonly #queues = new Map<string, ReservationQueue>();
  /** By account, until when (epoch milliseconds) it is not asked. */
  readonly #pauses = new Map<string, number>();
  #warnedAt = 0;

  constructor(options: OrderBudgetOptions) {
    this.#options = options;
  }

  /** The limits of a CA; undefined: it has none. */
  limitsOf(caHost: string): WorkerLimits | undefined {
    if (!this.#limits.has(caHost)) {
      const limits = accountLimitsOf(caHost, this.#options.stated);
      this.#limits.set(caHost, limits && { ...limits, since: this.#since });
    }
    return this.#limits.get(caHost);
  }

  /** The order, as the other calls take it; undefined: the CA has no limits. */
  async orderFor(ca: AcmeClient, bundle: OrderedBundle): Promise<BudgetOrder | undefined> {
    return this.limitsOf(ca.host) === undefined ? undefined : await budgetOrderOf(bundle);
  }

  /**
   * Call before newOrder. @param turn that the order got before (epoch milliseconds). @param moreUrgentAt when it becomes
   * more urgent: it is held until then at most.
   * @throws CertmanError `rateLimit/newOrders` when it has to wait, with its instant.
   */
  async admit(ca: AcmeClient, order: BudgetOrder, turn?: number, moreUrgentAt?: string): Promise<Admission> {
    const { onOutcome } = this.#options;
    const limits = this.limitsOf(ca.host);
    if (limits === undefined || this.#grants.has(accountOf(ca).accountUrl, order)) return 'granted';
    const reservation = await this.#reserve(ca, order, limits);
    this.#options.onAsked?.(accountOf(ca));
    if (reservation === undefined) {
      onOutcome?.('unavailable');
      return 'unavailable';
    }
    const now = Date.now();
    if (reservation.granted) {
      onOutcome?.('granted');
      this.#grants.keep(accountOf(ca).accountUrl, order);
      return 'granted';
    }
    const isUrgent = order.urgency === 'expiring';
    // It has waited for the instant that it got: a budget that is wrong must not let a certificate expire.
    if (isUrgent && turn !== undefined && turn <= now) {
      onOutcome?.('overdue');
      return 'overdue';
    }
    onOutcome?.('queued');
    const more = Date.parse(moreUrgentAt ?? '');
    const latest = now + (isUrgent ? MAX_URGENT_WAIT_MS : MAX_TURN_WAIT_MS);
    const again = Math.min(reservation.at, latest, more > now ? more : latest);
    throw new CertmanError({
      code: 'rateLimit/newOrders',
      ...turnMessage(ca.host, reservation, again),
      notBefore: new Date(again),
    });
  }

  /** Call after newOrder has succeeded. */
  placed(ca: AcmeClient, order: BudgetOrder): void {
    this.#grants.use(accountOf(ca).accountUrl, order);
  }

  /**
   * Call when newOrder has failed: a refusal by a limit corrects the budget.
   * @param moreUrgentAt as for {@link admit}.
   * @returns the error to throw: with the order's next turn where the budget has one for it.
   */
  async onRefused(ca: AcmeClient, order: BudgetOrder, error: unknown, moreUrgentAt?: string): Promise<unknown> {
    const refusal = await this.reportRefusal(ca, order, error);
    if (refusal === undefined) return error;
    try {
      await this.admit(ca, order, undefined, moreUrgentAt);
    } catch (turn) {
      if (!(turn instanceof CertmanError)) throw turn;
      const message = `${refusal.error.message} ${turn.message}`;
      return new CertmanError({ ...turn.info, message, cause: error });
    }
    // The model has no limit that it waits for: Retry-After and the retry schedule decide.
    this.#grants.use(accountOf(ca).accountUrl, order);
    return error;
  }

  /** Call when finalize has failed. @returns the refusal, if it was one and the budget knows it now. */
  async reportRefusal(ca: AcmeClient, order: BudgetOrder, error: unknown): Promise<RefusedLimit | undefined> {
    const refusal = refusedLimit(error);
    if (refusal === undefined) return undefined;
    const { counted, until } = refusal;
    this.#options.onOutcome?.('refused');
    this.#grants.use(accountOf(ca).accountUrl, order);
    const isTold = await this.#tell((gateway) => gateway.orderRefused(accountOf(ca), order, counted, until));
    this.#options.onAsked?.(accountOf(ca));
    return isTold ? refusal : undefined;
  }

  /** Call when an order that waits is given up, or was placed at another CA: its turn is free for others. Never throws. */
  async release(ca: AcmeClient, { cluster, bundleName }: BundleRef): Promise<void> {
    if (this.limitsOf(ca.host) === undefined) return;
    const id = budgetOrderId(clusterWorkflowId(cluster), bundleName);
    await this.#tell((gateway) => gateway.ordersReleased(accountOf(ca), [id]));
  }

  /** Call when the CA could not authorize names. */
  async onAuthorizationsFailed(ca: AcmeClient, { names }: FailedAuthorizationsError): Promise<void> {
    if (this.limitsOf(ca.host)?.failedAuthorizations === undefined || names.length === 0) return;
    await this.#tell((gateway) => gateway.authorizationsFailed(accountOf(ca), names));
  }

  async #reserve(ca: AcmeClient, order: BudgetOrder, limits: WorkerLimits) {
    if (Date.now() < (this.#pauses.get(accountOf(ca).accountUrl) ?? 0)) return undefined;
    try {
      const answer = await this.#queueOf(accountOf(ca), limits).ask(order);
      return reservationSchema.parse(answer);
    } catch (error) {
      this.#onUnavailable(accountOf(ca), error);
      return undefined;
    }
  }

  #queueOf(account: BudgetedAccount, limits: WorkerLimits): ReservationQueue {
    const known = this.#queues.get(account.accountUrl);
    if (known !== undefined) return known;
    const { gateway } = this.#options;
    const created = new ReservationQueue(async (orders) =>
      answerSchema.parse(await gateway.reserve(account, orders, limits)),
    );
    this.#queues.set(account.accountUrl, created);
    return created;
  }

  /** @returns whether the budget knows. Where it does not, it learns by the next refusal. */
  async #tell(what: (gateway: BudgetGateway) => Promise<void>): Promise<boolean> {
    try {
      await what(this.#options.gateway);
      return true;
    } catch {
      return false;
    }
  }

  #onUnavailable({ caHost, accountUrl }: BudgetedAccount, error: unknown): void {
    const now = Date.now();
    this.#pauses.set(accountUrl, now + PAUSE_MS);
    if (now - this.#warnedAt < WARNING_INTERVAL_MS) return;
    this.#warnedAt = now;
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '').slice(0, 300) : String(error);
    this.#options.onWarning?.(
      `The budget of the CA ${caHost} does not answer, so orders are placed without it until it does: ${reason}`,
    );
  }
}

function accountOf(ca: AcmeClient): BudgetedAccount {
  return { caHost: ca.host, accountUrl: ca.session.account.url };
}
