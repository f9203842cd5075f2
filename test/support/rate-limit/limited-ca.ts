/** The CA's side: counts what is placed by the limits as they are documented, and refuses what exceeds one. */
import type { BudgetOrder } from '../../../src/rate-limit/budget-order.ts';
import { type CaLimits, COUNTED, type Counted, domainLimitOf, EXEMPT_FROM } from '../../../src/rate-limit/ca-limits.ts';
import { allowedAt, type RateLimit, recordUse } from '../../../src/rate-limit/gcra.ts';

/** Why an order was refused: by which limit, and until when (epoch milliseconds). */
export interface Refusal {
  readonly counted: Counted;
  readonly until: number;
}

/** A CA with the limits of one account. */
export class LimitedCa {
  readonly #limits: CaLimits;
  readonly #arrivals = new Map<string, number>();

  constructor(limits: CaLimits) {
    this.#limits = limits;
  }

  /** @returns the refusal, if it is one; nothing is counted then. */
  order(order: BudgetOrder, now: number): Refusal | undefined {
    const exempt: readonly Counted[] = order.exemption === undefined ? [] : EXEMPT_FROM[order.exemption];
    const limits = COUNTED.filter((counted) => !exempt.includes(counted)).flatMap((counted) =>
      this.#limitsOf(order, counted).map(([key, limit]) => ({ counted, key, limit })),
    );
    for (const { counted, key, limit } of limits) {
      const until = allowedAt(this.#arrivals.get(key), limit, now);
      if (until > now) return { counted, until };
    }
    for (const { key, limit } of limits) this.#arrivals.set(key, recordUse(this.#arrivals.get(key), limit, now));
    return undefined;
  }

  #limitsOf({ domains, nameSet }: BudgetOrder, counted: Counted): readonly (readonly [string, RateLimit])[] {
    if (counted === 'account') return [['account', this.#limits.account]];
    if (counted === 'exactSet') return [[`exactSet:${nameSet}`, this.#limits.exactSet]];
    return domains.map((domain) => [`domain:${domain}`, domainLimitOf(this.#limits, domain)]);
  }
}
