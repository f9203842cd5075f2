import { poll } from '../../../local/stack/poll.ts';
import { WAIT_TIMEOUT_MS, WAIT_TIMEOUT_SECONDS } from './timeouts.ts';

const POLL_OPTIONS = { timeoutMs: WAIT_TIMEOUT_MS, intervalMs: 50 } as const;
const MAX_SHOWN = 2_000;

/** Polls until a condition holds; an error of `look` counts as not yet. @throws Error with what was seen last. */
export async function eventually<T>(what: string, look: () => Promise<T>, holds: (seen: T) => boolean): Promise<T> {
  let last: unknown;
  const found = await poll(async () => {
    try {
      const seen = await look();
      if (holds(seen)) return { seen };
      last = seen;
    } catch (error) {
      last = error;
    }
    return undefined;
  }, POLL_OPTIONS);
  if (found !== undefined) return found.seen;
  const seen = last instanceof Error ? last.message : JSON.stringify(last)?.slice(0, MAX_SHOWN);
  throw new Error(`not within ${WAIT_TIMEOUT_SECONDS} s: ${what}; last seen: ${seen}`);
}

/**
 * Polls until `look` returns a value; an error of `look` counts as not yet.
 * @param actual what the error shows instead. @throws Error with that, and what `look` threw last.
 */
export async function eventuallyFound<T>(
  what: string,
  look: () => Promise<T | undefined>,
  actual: () => Promise<unknown>,
): Promise<T> {
  let cause: unknown;
  const found = await poll(async () => {
    try {
      const seen = await look();
      cause = undefined;
      return seen;
    } catch (error) {
      cause = error;
      return undefined;
    }
  }, POLL_OPTIONS);
  if (found !== undefined) return found;
  throw new Error(
    `not within ${WAIT_TIMEOUT_SECONDS} s: ${what}. Instead: ${JSON.stringify(await actual(), undefined, 1)}`,
    { cause },
  );
}
