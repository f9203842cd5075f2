import { setTimeout as sleep } from 'node:timers/promises';
import { CertmanError } from '../failures/failure.ts';
import type { AcmeClient } from './client.ts';
import { fetchOrder, type Order } from './order.ts';

/** Most validations and issuances take less. */
const FIRST_POLL_DELAY_MS = 120;
/** Longest wait inside a worker; after that the activity is retried. */
const MAX_WAIT_MS = 1_400;
const MAX_RETRY_DELAY_MS = 5_000;

/** Which order is polled, and until when. */
export interface WaitForOrderOptions {
  readonly orderUrl: string;
  /** Returns once the order has another status. */
  readonly fromStatus: 'pending' | 'processing';
  /** What the CA does meanwhile, as in `validates the names`. */
  readonly what: string;
  /** Attempt of the activity; where the CA sends no Retry-After, the retry delay grows with it. */
  readonly attempt: number;
  /** False: polls at once. */
  readonly justSubmitted: boolean;
}

/** Polls an order until it leaves a status. @throws `acme/pending` with `notBefore` after {@link MAX_WAIT_MS}. */
export async function waitForOrder(ca: AcmeClient, options: WaitForOrderOptions): Promise<Order> {
  const { signal } = ca;
  const deadline = performance.now() + MAX_WAIT_MS;
  let pause = FIRST_POLL_DELAY_MS;
  if (options.justSubmitted) await sleep(pause, undefined, { signal });
  for (;;) {
    const order = await fetchOrder(ca, options.orderUrl);
    if (order.status !== options.fromStatus) return order;
    pause = order.retryAfter === undefined ? pause * 2 : Math.max(0, order.retryAfter.getTime() - Date.now());
    if (performance.now() + pause > deadline) throw pendingError(ca, options, order.retryAfter);
    await sleep(pause, undefined, { signal });
  }
}

function pendingError(ca: AcmeClient, options: WaitForOrderOptions, retryAfter: Date | undefined): CertmanError {
  const ownDelayMs = Math.min(1_000 * options.attempt, MAX_RETRY_DELAY_MS);
  return new CertmanError({
    code: 'acme/pending',
    message: `The CA ${ca.host} still ${options.what} (order ${options.orderUrl} is ${options.fromStatus}).`,
    remedy: 'certman polls it again shortly.',
    notBefore: retryAfter ?? new Date(Date.now() + ownDelayMs),
  });
}
