import type { OrderTurn } from '../contract/activities/acme.ts';
import { CertmanError, type FailureCode } from '../failures/failure.ts';
import { KeyedRateLimiter } from '../rate-limit/gcra.ts';

const DAY_MS = 24 * 3_600_000;

/** Outages and limits of the CA: requests that wait for their end use up nothing. */
const UNCOUNTED_CODES = new Set<FailureCode>(['acme/unreachable', 'acme/serverError', 'acme/rateLimited']);

/**
 * Limits the new orders of each namespace's standalone requests, which any user may create: those of one cannot use up
 * the account's limits, which all clusters share. Kept in this process.
 */
export class StandaloneOrders {
  readonly #perDay: number;
  readonly #limiter: KeyedRateLimiter;

  constructor(perDay: number) {
    this.#perDay = perDay;
    this.#limiter = new KeyedRateLimiter({ burst: perDay, intervalMs: DAY_MS / perDay });
  }

  /**
   * Call before an order that the CA counts.
   * @param turn of an earlier attempt. @throws CertmanError `rateLimit/namespace` with the order's turn.
   */
  admit(namespace: string, turn: OrderTurn | undefined, now = Date.now()): void {
    // It waits for the account's turn, and was admitted here before.
    if (turn?.code === 'rateLimit/newOrders') return;
    const at = turn === undefined ? this.#limiter.reserve(namespace, now) : Date.parse(turn.at);
    if (at <= now) return;
    const notBefore = new Date(at);
    throw new CertmanError({
      code: 'rateLimit/namespace',
      message: `The standalone CertificateRequests of namespace ${namespace} have ordered ${this.#perDay} new certificates in a day, as many as they may.`,
      remedy: `This one is ordered at ${notBefore.toISOString()}. The setting is CERTMAN_STANDALONE_ORDERS_PER_DAY.`,
      notBefore,
    });
  }

  /** Call when the order that was admitted failed with `error`: it counts only if the CA may have counted it. */
  onFailed(namespace: string, error: unknown): void {
    if (error instanceof CertmanError && UNCOUNTED_CODES.has(error.code)) this.#limiter.release(namespace);
  }
}
