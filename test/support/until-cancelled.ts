import { Context } from '@temporalio/activity';
import { TEST_LIMIT_MS } from './patience.ts';

/** An activity that heartbeats, as all of certman's do, and comes to no end by itself. @throws CancelledFailure */
export async function untilCancelled(): Promise<never> {
  const context = Context.current();
  const beat = setInterval(() => context.heartbeat(), 100);
  try {
    await context.sleep(TEST_LIMIT_MS);
    throw new Error('it was not cancelled');
  } finally {
    clearInterval(beat);
  }
}
