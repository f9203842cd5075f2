import { CertmanError } from '../failures/failure.ts';
import { allowedAt, recordUse } from '../rate-limit/gcra.ts';
import { NEW_ORDERS_PER_ACCOUNT } from '../rate-limit/limits.ts';
import { AcmeProblemError } from './problems.ts';

/** Longest time that a Retry-After holds back other orders: Let's Encrypt counts new orders over three hours. */
const MAX_HOLD_MS = 3 * 3_600_000;

/** Details of Boulder's refusals that concern every new order of the account, not the names of one. */
const ACCOUNT_WIDE = /new orders|from this account/i;

/** Boulder: `too many new orders (300) from this account in the last 3h0m0s, retry after …`. */
const STATED_LIMIT =
  /new orders \((\d{1,9})\) from this account in the last (?:(\d{1,4})h)?(?:(\d{1,4})m)?(?:(\d{1,6})s)?/;

/** A CA states Retry-After in whole seconds, rounded. */
const TURN_MARGIN_MS = 1_000;

/** An order, as far as the limit of the account depends on it. */
export interface LimitedOrder {
  /** A renewal, which the CA exempts from the limit: it waits for no turn. */
  readonly exempt: boolean;
  /** The order's turn (epoch milliseconds). */
  readonly turn?: number | undefined;
}

interface Refusal {
  readonly until: number;
  readonly message: string;
}

/**
 * When orders of one account may be placed, after the CA refused one by the limit of the account: each waiting order is
 * given a turn of its own, as far apart as the limit refills, so that a fleet neither meets the limit one by one nor
 * wakes at once. Kept in this process: another worker has turns of its own, and an order that is refused all the same
 * gets a new one. A CA that asks for a pause (503) holds back every order, without turns.
 *
 * This is the seam for the budgets of the CA: `admit` before newOrder, `onRefused` after it.
 * Source: https://letsencrypt.org/docs/rate-limits/#new-orders-per-account; RFC 8555 §6.6.
 */
export class NewOrderLimit {
  #pause: Refusal | undefined;
  #refusal: Refusal | undefined;
  #limit = { burst: 1, intervalMs: NEW_ORDERS_PER_ACCOUNT.intervalMs };
  /** Theoretical arrival: the first instant that is no order's turn. */
  #free: number | undefined;

  /**
   * Nothing is sent when it throws.
   * @throws CertmanError `rateLimit/newOrders` with the order's turn; `acme/serverError` while the CA pauses.
   */
  admit(host: string, { exempt, turn }: LimitedOrder, now = Date.now()): void {
    if (this.#pause !== undefined && this.#pause.until > now) throw pausedError(host, this.#pause);
    if (exempt || this.#refusal === undefined) return;
    if (allowedAt(this.#free, this.#limit, now) <= now) return;
    const { until, message } = this.#refusal;
    const isTurn = turn !== undefined && turn <= now && until <= now;
    if (isTurn) return;
    const known = turn !== undefined && turn > Math.max(now, until) ? turn : undefined;
    throw turnError(
      known ?? this.#reserve(now),
      `The CA ${host} takes no more new orders of this account now, so none was sent. It refused another one: ${message}`,
    );
  }

  /** Remembers a refusal of newOrder that holds for every order of the account. @returns the error to throw. */
  onRefused(error: unknown, { exempt }: LimitedOrder, now = Date.now()): unknown {
    if (!(error instanceof AcmeProblemError) || error.info.notBefore === undefined) return error;
    const { message } = error;
    const until = heldUntil(error.info.notBefore, now);
    if (error.status === 503) {
      if (until > (this.#pause?.until ?? now)) this.#pause = { until, message };
      return error;
    }
    if (accountRefusedUntil(error, now) === undefined) return error;
    this.#limit = { burst: 1, intervalMs: statedIntervalMs(message) ?? NEW_ORDERS_PER_ACCOUNT.intervalMs };
    if (until > (this.#refusal?.until ?? now)) this.#refusal = { until, message };
    this.#free = Math.max(this.#free ?? 0, until + TURN_MARGIN_MS);
    return exempt ? error : turnError(this.#reserve(now), message, error);
  }

  #reserve(now: number): number {
    const turn = Math.ceil(allowedAt(this.#free, this.#limit, now));
    this.#free = recordUse(this.#free, this.#limit, turn);
    return turn;
  }
}

/** Until when the CA refuses every new order of the account (epoch milliseconds); undefined: it is no such refusal. */
export function accountRefusedUntil(error: unknown, now = Date.now()): number | undefined {
  if (!(error instanceof AcmeProblemError) || error.info.notBefore === undefined) return undefined;
  if (error.code !== 'acme/rateLimited' || !ACCOUNT_WIDE.test(error.message)) return undefined;
  return heldUntil(error.info.notBefore, now);
}

function heldUntil(notBefore: string, now: number): number {
  return Math.min(Date.parse(notBefore), now + MAX_HOLD_MS);
}

/** How often the CA allows one more order, where its refusal says so: accounts can have a higher limit. */
function statedIntervalMs(message: string): number | undefined {
  const [, count = '0', hours = '0', minutes = '0', seconds = '0'] = STATED_LIMIT.exec(message) ?? [];
  const periodMs = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000;
  const intervalMs = periodMs / Number(count);
  return intervalMs > 0 && intervalMs <= MAX_HOLD_MS ? intervalMs : undefined;
}

function turnError(turn: number, message: string, cause?: AcmeProblemError): CertmanError {
  const notBefore = new Date(turn);
  return new CertmanError({
    code: 'rateLimit/newOrders',
    message,
    remedy: `The orders that wait are placed one after the other, this one at ${notBefore.toISOString()}. Ask the CA for a higher limit if this lasts.`,
    notBefore,
    cause,
  });
}

function pausedError(host: string, { until, message }: Refusal): CertmanError {
  const notBefore = new Date(until);
  return new CertmanError({
    code: 'acme/serverError',
    message: `The CA ${host} takes no new order before ${notBefore.toISOString()}, so none was sent. It refused another one: ${message}`,
    notBefore,
  });
}
