import { Context } from '@temporalio/activity';

/** Longer than any test waits. */
const LONGEST_MS = 60_000;

/** An activity that heartbeats, as all of certman's do, and comes to no end by itself. @throws CancelledFailure */
export async function untilCancelled(): Promise<never> {
  const context = Context.current();
  const beat = setInterval(() => context.heartbeat(), 100);
  try {
    await context.sleep(LONGEST_MS);
    throw new Error('it was not cancelled');
  } finally {
    clearInterval(beat);
  }
}
