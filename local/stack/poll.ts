import { setTimeout as sleep } from 'node:timers/promises';

/** How long and how often {@link poll} calls its check. */
export interface PollOptions {
  readonly timeoutMs: number;
  readonly intervalMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Calls a check until it returns a value.
 * @returns the value, or undefined after the timeout. @throws what the check throws, and the signal's reason.
 */
export async function poll<T>(check: () => Promise<T | undefined>, options: PollOptions): Promise<T | undefined> {
  const deadline = performance.now() + options.timeoutMs;
  for (;;) {
    options.signal?.throwIfAborted();
    const found = await check();
    if (found !== undefined || performance.now() > deadline) return found;
    // An aborted sleep rejects with an AbortError; the loop throws the signal's reason.
    await sleep(options.intervalMs, undefined, { signal: options.signal }).catch(() => undefined);
  }
}
