import { setTimeout as sleep } from 'node:timers/promises';
import type { AcmeClient } from './client.ts';
import { fetchOrder, type Order, orderPendingError } from './order.ts';

/** Most validations and issuances take less. */
const FIRST_POLL_DELAY_MS = 120;
/** Longest wait inside a worker; after that the activity is retried. */
const MAX_WAIT_MS = 1_400;
const MAX_RETRY_DELAY_MS = 5_000;

/** What the CA does with an order of each status. */
const WORK = { pending: 'validates the names', processing: 'issues the certificate' } as const;

/** Which order is polled, and until when. */
export interface WaitForOrderOptions {
  readonly orderUrl: string;
  /** Returns once the order has another status. */
  readonly fromStatus: keyof typeof WORK;
  /** Attempt of the activity; where the CA sends no Retry-After, the retry delay grows with it. */
  readonly attempt: number;
  /** False: polls at once. */
  readonly justSubmitted: boolean;
}

/** Polls an order until it leaves a status. @throws `acme/pending` with `notBefore` after {@link MAX_WAIT_MS}. */
export async function waitForOrder(
  ca: AcmeClient,
  { orderUrl, fromStatus, attempt, justSubmitted }: WaitForOrderOptions,
): Promise<Order> {
  const { signal } = ca;
  const deadline = performance.now() + MAX_WAIT_MS;
  let pause = FIRST_POLL_DELAY_MS;
  if (justSubmitted) await sleep(pause, undefined, { signal });
  for (;;) {
    const order = await fetchOrder(ca, orderUrl);
    if (order.status !== fromStatus) return order;
    pause = order.retryAfter === undefined ? pause * 2 : Math.max(0, order.retryAfter.getTime() - Date.now());
    if (performance.now() + pause > deadline) {
      const ownDelayMs = Math.min(1_000 * attempt, MAX_RETRY_DELAY_MS);
      throw orderPendingError(
        `The CA ${ca.host} still ${WORK[fromStatus]} (order ${orderUrl} is ${fromStatus}).`,
        order.retryAfter ?? new Date(Date.now() + ownDelayMs),
      );
    }
    await sleep(pause, undefined, { signal });
  }
}
