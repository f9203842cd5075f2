import { setTimeout as sleep } from 'node:timers/promises';
import { WAIT_TIMEOUT_MS, WAIT_TIMEOUT_SECONDS } from './timeouts.ts';

/** Polls until a condition holds; fails with what it saw last when that does not come about. */
export async function eventually<T>(what: string, look: () => Promise<T>, holds: (seen: T) => boolean): Promise<T> {
  const giveUp = performance.now() + WAIT_TIMEOUT_MS;
  let last: unknown;
  for (;;) {
    try {
      const seen = await look();
      if (holds(seen)) return seen;
      last = seen;
    } catch (error) {
      last = error;
    }
    if (performance.now() > giveUp) {
      throw new Error(
        `not within ${WAIT_TIMEOUT_SECONDS} s: ${what}; last seen: ${last instanceof Error ? last.message : JSON.stringify(last)?.slice(0, 2000)}`,
      );
    }
    await sleep(50);
  }
}
