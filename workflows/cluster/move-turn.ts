import { patched } from '@temporalio/workflow';
import { askAgainAt } from '../../src/certificates/expiry-level.ts';
import { MAX_TURN_WAIT_MS } from '../../src/contract/ca-budget.ts';
import type { OrderMove } from '../../src/contract/cluster-certificates.ts';
import { ORDER_MOVED } from '../../src/contract/patches.ts';
import type { Bundle } from './bundle.ts';

/**
 * Moves the instant of an order that waits for its turn: the next evaluation shows it, and sleeps until then. Ignored
 * where the order does not wait, and where the instant is absurd.
 */
export function moveTurn(bundle: Bundle, { at, message, remedy }: OrderMove): void {
  const { record } = bundle;
  const instant = Date.parse(at);
  if (!(instant <= Date.now() + MAX_TURN_WAIT_MS)) return;
  if (record.state !== 'Waiting' || record.lastAttempt.failure.code !== 'rateLimit/newOrders') return;
  // Only a run that gets the signal has the marker.
  if (!patched(ORDER_MOVED)) return;
  const { lastAttempt, nextAttempt, renewalTime, certificate, renewBeforeDays } = record;
  const notBefore = new Date(askAgainAt(instant, certificate, Date.now(), renewBeforeDays)).toISOString();
  const failure = { ...lastAttempt.failure, message, remedy, notBefore };
  const moved = { ...lastAttempt, failure };
  bundle.enter({ state: 'Waiting', lastAttempt: moved, nextAttempt, renewalTime }, { message: record.message });
  bundle.changes.notify();
}
