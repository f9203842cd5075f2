import { Context } from '@temporalio/activity';
import { TEST_TIMEOUT_MS } from '../vitest/timeouts.ts';

/** An activity that heartbeats, as all of certman's do, and comes to no end by itself. @throws CancelledFailure */
export async function untilCancelled(): Promise<never> {
  const context = Context.current();
  const beat = setInterval(() => context.heartbeat(), 100);
  try {
    await context.sleep(TEST_TIMEOUT_MS);
    throw new Error('it was not cancelled');
  } finally {
    clearInterval(beat);
  }
}
