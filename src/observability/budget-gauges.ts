/** What the budgets of CAs' accounts leave, and how many orders wait, as metrics. */
import { Gauge, type Registry } from 'prom-client';
import { z } from 'zod';
import { type BudgetedAccount, LIMIT_KINDS, type LimitKindUsage } from '../contract/ca-budget.ts';

/** After an order asked, so long passes before the budget is queried: orders that come together cost one query. */
const DELAY_MS = 5_000;
/** While orders wait, or ask, it is queried so often. While none does, never. */
const INTERVAL_MS = 60_000;

// Temporal is a trust boundary: what a budget answers is data.
const kindsSchema = z
  .array(
    z.object({
      kind: z.enum(LIMIT_KINDS),
      waiting: z.int().min(0).max(1e7),
      burst: z.number().min(0).max(1e9),
      left: z.number().min(0).max(1e9),
      intervalMs: z.number().min(0).max(1e12),
    }),
  )
  .max(LIMIT_KINDS.length);

/** How the gauges learn of budgets. */
export interface BudgetGaugesOptions {
  readonly registry: Registry;
  /** @returns the usage of each kind of limit (`BudgetStatus.kinds`); not validated. */
  readonly kinds: (account: BudgetedAccount) => Promise<unknown>;
}

interface Known {
  readonly account: BudgetedAccount;
  kinds: readonly LimitKindUsage[];
  /** Epoch milliseconds of `kinds`. */
  at: number;
  isAsked: boolean;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Exposes the budgets that the orders of this process have asked: three series for each account and kind of limit, whatever
 * the number of domains. What is left grows again between two queries as the limit says. At rest, no budget is queried.
 */
export class BudgetGauges {
  readonly #options: BudgetGaugesOptions;
  readonly #known = new Map<string, Known>();
  readonly #gauges: readonly Gauge[];

  constructor(options: BudgetGaugesOptions) {
    this.#options = options;
    const waiting = this.#gauge(
      'certman_ca_budget_waiting_orders',
      "Orders that wait for their turn under the CA's limits, by CA, account and kind of limit (account, domain, exactSet).",
      (usage) => usage.waiting,
    );
    const left = this.#gauge(
      'certman_ca_budget_left',
      'Orders that the limit of which the smallest part is left allows now, by CA, account and kind of limit.',
      leftNow,
    );
    const limit = this.#gauge(
      'certman_ca_budget_limit',
      'Orders that the same limit allows when nothing is used, by CA, account and kind of limit.',
      ({ burst }) => burst,
    );
    this.#gauges = [waiting, left, limit];
  }

  /** Call when an order has asked the account's budget. */
  asked(account: BudgetedAccount): void {
    const key = account.accountUrl;
    const known = this.#known.get(key) ?? { account, kinds: [], at: 0, isAsked: false, timer: undefined };
    this.#known.set(key, known);
    known.isAsked = true;
    if (known.timer === undefined) this.#queryIn(known, DELAY_MS);
  }

  close(): void {
    for (const { timer } of this.#known.values()) clearTimeout(timer);
    this.#known.clear();
    for (const gauge of this.#gauges) gauge.reset();
  }

  #queryIn(known: Known, ms: number): void {
    known.timer = setTimeout(() => void this.#query(known), ms);
    known.timer.unref();
  }

  async #query(known: Known): Promise<void> {
    known.isAsked = false;
    try {
      known.kinds = kindsSchema.parse(await this.#options.kinds(known.account));
      known.at = Date.now();
    } catch {
      // A budget that does not answer is counted by certman_ca_budget_orders_total; the next query comes.
      known.isAsked = true;
    }
    if (this.#known.get(known.account.accountUrl) !== known) return;
    known.timer = undefined;
    if (known.isAsked || known.kinds.some(({ waiting }) => waiting > 0)) this.#queryIn(known, INTERVAL_MS);
  }

  #gauge(name: string, help: string, valueOf: (usage: LimitKindUsage, ageMs: number) => number): Gauge {
    const known = this.#known;
    return new Gauge({
      name,
      help,
      labelNames: ['ca', 'account', 'limit'],
      registers: [this.#options.registry],
      collect() {
        this.reset();
        for (const { account, kinds, at } of known.values()) {
          for (const usage of kinds) {
            const labels = { ca: account.caHost, account: account.accountUrl, limit: usage.kind };
            this.set(labels, valueOf(usage, Date.now() - at));
          }
        }
      },
    });
  }
}

function leftNow({ left, burst, intervalMs }: LimitKindUsage, ageMs: number): number {
  return intervalMs > 0 ? Math.min(burst, left + Math.floor(ageMs / intervalMs)) : left;
}
