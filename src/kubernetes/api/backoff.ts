import { setTimeout as sleep } from 'node:timers/promises';

/** @returns milliseconds: twice as long after each failure in a row, up to `max`, less up to a half at random. */
export function backoffDelay(
  failures: number,
  { first, max }: { readonly first: number; readonly max: number },
): number {
  return Math.min(max, first * 2 ** (failures - 1)) * (0.5 + Math.random() / 2);
}

/** @returns milliseconds: `ms`, or longer by up to a tenth at random, so that what began together does not go on in step. */
export function withJitter(ms: number): number {
  return ms * (1 + 0.1 * Math.random());
}

/** @throws the signal's reason when it is aborted. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
}
