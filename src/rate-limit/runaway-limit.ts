/**
 * The absolute bound of what is ordered for one exact set of names, whatever asks: a loop of orders ends here, also where it is
 * a defect of certman, or of two programs that undo each other. It is wider than the limit of a cluster's workflow
 * (`exact-set-limit.ts`), which one cluster meets first. Pure. docs/decisions/no-runaway.md
 */
import { exactSetLimit } from './exact-set-limit.ts';

/** Certificates for one set in a period, of all clusters and CAs. */
export const MAX_CERTIFICATES_PER_SET = 10;

/**
 * New orders for one set in {@link orderPeriodMs} by one process, whatever becomes of them: of its own knowledge, in any outage.
 * Twice as many as the retry schedule places where all fail, so that it never keeps an order back whose cause was mended.
 */
export const MAX_ORDERS_PER_SET = 60;

const MAX_ORDER_PERIOD_MS = 24 * 3_600_000;

/**
 * The period of the bound: what the limit of one workflow refills in full, a week, or less for short-lived certificates.
 * Milliseconds.
 * @param lifetimeMs of the certificates; undefined when not known.
 */
export function runawayPeriodMs(lifetimeMs: number | undefined): number {
  const { burst, intervalMs } = exactSetLimit(lifetimeMs);
  return burst * intervalMs;
}

/**
 * The period of the bound of a process: a day, since orders that fail cost the CA's limits little, and a week would hold up a
 * certificate that expires meanwhile. Milliseconds. @param lifetimeMs as for {@link runawayPeriodMs}.
 */
export function orderPeriodMs(lifetimeMs: number | undefined): number {
  return Math.min(runawayPeriodMs(lifetimeMs), MAX_ORDER_PERIOD_MS);
}

/**
 * When the next one is allowed; undefined: now. Epoch milliseconds.
 * @param instants of the ones before, in any order; those before the period do not count.
 */
export function nextAllowedAt(
  instants: readonly number[],
  max: number,
  periodMs: number,
  now: number,
): number | undefined {
  const counted = instants.filter((at) => at > now - periodMs).sort((one, other) => other - one);
  const decisive = counted[max - 1];
  return decisive === undefined ? undefined : decisive + periodMs;
}
