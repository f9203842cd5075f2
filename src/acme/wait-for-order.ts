import { setTimeout as sleep } from 'node:timers/promises';
import { CertmanError } from '../failures/failure.ts';
import type { AcmeClient } from './client.ts';
import { fetchOrder, type Order } from './order.ts';

/** Wait before the first look: most validations and issuances are done by then. */
const FIRST_POLL_DELAY_MS = 120;
/** What may be waited inside a worker in all; the rest is a retry of the activity. */
const MAX_WAIT_MS = 1_400;
const MAX_RETRY_DELAY_MS = 5_000;

export interface WaitForOrderOptions {
  readonly orderUrl: string;
  /** The status that the order is to leave. */
  readonly fromStatus: 'pending' | 'processing';
  /** What is waited for, as in `validates the names`. */
  readonly what: string;
  /** Which try of the activity this is; without a word from the CA, pauses grow with it. */
  readonly attempt: number;
  /** Whether the CA was told something just now; else the first look is at once. */
  readonly justSubmitted: boolean;
}

/**
 * Looks at an order until it leaves a status: soon after it was worked on, then as the CA's Retry-After says.
 * @throws CertmanError `acme/pending` with `notBefore` when that takes longer than may be waited here.
 */
export async function waitForOrder(ca: AcmeClient, wait: WaitForOrderOptions, signal?: AbortSignal): Promise<Order> {
  const patience = performance.now() + MAX_WAIT_MS;
  let pause = FIRST_POLL_DELAY_MS;
  if (wait.justSubmitted) await sleep(pause, undefined, { signal });
  for (;;) {
    const order = await fetchOrder(ca, wait.orderUrl, signal);
    if (order.status !== wait.fromStatus) return order;
    pause = order.retryAfter === undefined ? pause * 2 : Math.max(0, order.retryAfter.getTime() - Date.now());
    if (performance.now() + pause > patience) throw pendingError(ca, wait, order);
    await sleep(pause, undefined, { signal });
  }
}

function pendingError(ca: AcmeClient, wait: WaitForOrderOptions, order: Order): CertmanError {
  const own = new Date(Date.now() + Math.min(1_000 * wait.attempt, MAX_RETRY_DELAY_MS));
  return new CertmanError({
    code: 'acme/pending',
    message: `The CA ${ca.host} still ${wait.what} (order ${wait.orderUrl} is ${wait.fromStatus}).`,
    remedy: 'It is looked at again shortly.',
    notBefore: order.retryAfter ?? own,
  });
}
