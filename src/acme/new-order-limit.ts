import { CertmanError } from '../failures/failure.ts';
import { AcmeProblemError } from './problems.ts';

/** Longest time that a Retry-After holds back other orders: Let's Encrypt counts new orders over three hours. */
const MAX_HOLD_MS = 3 * 3_600_000;

/** Details of Boulder's refusals that concern every new order of the account, not the names of one. */
const ACCOUNT_WIDE = /new orders|from this account/i;

/**
 * When the account may order again, after the CA refused an order by a limit of the account or asked for a pause (503).
 * Other orders of the account are held back until then, so that a fleet does not meet the limit one by one.
 * Source: https://letsencrypt.org/docs/rate-limits/#new-orders-per-account; RFC 8555 §6.6.
 */
export class NewOrderLimit {
  #refusal: { readonly until: number; readonly message: string } | undefined;

  /** @throws CertmanError `acme/rateLimited` with `notBefore` while orders are held back: nothing is sent then. */
  throwIfHeld(host: string, now = Date.now()): void {
    if (this.#refusal === undefined || this.#refusal.until <= now) return;
    const { until, message } = this.#refusal;
    throw new CertmanError({
      code: 'acme/rateLimited',
      message: `The CA ${host} takes no new order of this account before ${new Date(until).toISOString()}, so none was sent. It refused another one: ${message}`,
      remedy: 'certman retries when the CA allows it. Ask the CA for a higher limit if this lasts.',
      notBefore: new Date(until),
    });
  }

  /** Remembers a refusal of newOrder that holds for every order of the account. */
  onRefused(error: unknown, now = Date.now()): void {
    if (!(error instanceof AcmeProblemError)) return;
    const { notBefore } = error.info;
    const isAccountWide =
      error.status === 503 || (error.code === 'acme/rateLimited' && ACCOUNT_WIDE.test(error.message));
    if (notBefore === undefined || !isAccountWide) return;
    const until = Math.min(Date.parse(notBefore), now + MAX_HOLD_MS);
    if (until > (this.#refusal?.until ?? now)) this.#refusal = { until, message: error.message };
  }
}
