import { setTimeout as sleep } from 'node:timers/promises';
import { CertmanError } from '../failures/failure.ts';
import type { AcmeCa } from './client.ts';
import { fetchOrder, type Order } from './order.ts';

/** Wait before the first look: most validations and issuances are done by then. */
const FIRST_LOOK_MS = 120;
/** What may be waited inside a worker in all; the rest is a retry of the activity. */
const PATIENCE_MS = 1_400;
const LONGEST_PAUSE_MS = 5_000;

export interface WaitForOrder {
  readonly orderUrl: string;
  /** The status that the order is to leave. */
  readonly leaving: 'pending' | 'processing';
  /** What is waited for, as in `validates the names`. */
  readonly what: string;
  /** Which try of the activity this is; without a word from the CA, pauses grow with it. */
  readonly attempt: number;
  /** Whether the CA was told something just now; else the first look is at once. */
  readonly justAsked: boolean;
}

/**
 * Looks at an order until it leaves a status: soon after it was worked on, then as the CA's Retry-After says.
 * @throws CertmanError `acme/pending` with `notBefore` when that takes longer than may be waited here.
 */
export async function waitForOrder(ca: AcmeCa, wait: WaitForOrder, signal?: AbortSignal): Promise<Order> {
  const patience = performance.now() + PATIENCE_MS;
  let pause = FIRST_LOOK_MS;
  if (wait.justAsked) await sleep(pause, undefined, { signal });
  for (;;) {
    const order = await fetchOrder(ca, wait.orderUrl, signal);
    if (order.status !== wait.leaving) return order;
    pause = order.retryAfter === undefined ? pause * 2 : Math.max(0, order.retryAfter.getTime() - Date.now());
    if (performance.now() + pause > patience) throw stillWaiting(ca, wait, order);
    await sleep(pause, undefined, { signal });
  }
}

function stillWaiting(ca: AcmeCa, wait: WaitForOrder, order: Order): CertmanError {
  const own = new Date(Date.now() + Math.min(1_000 * wait.attempt, LONGEST_PAUSE_MS));
  return new CertmanError({
    code: 'acme/pending',
    message: `The CA ${ca.host} still ${wait.what} (order ${wait.orderUrl} is ${wait.leaving}).`,
    next: 'It is looked at again shortly.',
    notBefore: order.retryAfter ?? own,
  });
}
