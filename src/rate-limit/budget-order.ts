/** An order as the budget of its CA sees it. Pure. */
import { COUNTED, type Counted, EXEMPT_FROM, type Exemption } from './ca-limits.ts';

/** In the order in which they are placed. `expiring`: a renewal without which a certificate soon expires. */
export const URGENCIES = ['expiring', 'renewal', 'new'] as const;
export type Urgency = (typeof URGENCIES)[number];

/** An order to be placed. */
export interface BudgetOrder {
  /** The same whenever the order asks again. */
  readonly id: string;
  readonly namespace: string;
  readonly urgency: Urgency;
  /** Registered domains of its names. */
  readonly domains: readonly string[];
  /** `nameSetDigest` of its names. */
  readonly nameSet: string;
  /** Names that the CA authorizes, without `*.`; for those that failed. */
  readonly names: readonly string[];
  readonly exemption?: Exemption | undefined;
}

/** The limits that count an order: `account`, `domain:<name>`, `exactSet:<digest>`. */
export function scopesOf(order: BudgetOrder): readonly string[] {
  const exempt: readonly Counted[] = order.exemption === undefined ? [] : EXEMPT_FROM[order.exemption];
  const counted = COUNTED.filter((one) => !exempt.includes(one));
  return counted.flatMap((one) =>
    one === 'domain' ? order.domains.map((name) => `domain:${name}`) : [scopeOf(order, one)],
  );
}

/** The one that a CA counts for the order under this name. */
export function scopeOf({ nameSet }: BudgetOrder, counted: Exclude<Counted, 'domain'>): string {
  return counted === 'account' ? 'account' : `exactSet:${nameSet}`;
}

/** The domain whose line an order of several waits in. */
export function lineOf({ domains }: BudgetOrder): string {
  return domains[0] ?? '';
}

/** Whether an order that asks again keeps its place. */
export function isSameOrder(one: BudgetOrder, other: BudgetOrder): boolean {
  const { urgency, nameSet, exemption } = one;
  return urgency === other.urgency && nameSet === other.nameSet && exemption === other.exemption;
}
