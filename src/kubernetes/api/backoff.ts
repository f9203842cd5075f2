/** Waiting between tries: grows, is bounded, is spread, ends at once when it is called off. */
import { setTimeout as delay } from 'node:timers/promises';

export class Backoff {
  readonly #initialMs: number;
  readonly #maxMs: number;
  #failures = 0;

  constructor(firstMs: number, longestMs: number) {
    this.#initialMs = firstMs;
    this.#maxMs = longestMs;
  }

  /** How often in a row {@link next} was asked. */
  get failures(): number {
    return this.#failures;
  }

  /** @returns milliseconds: twice as long each time, up to the longest, less up to a half at random. */
  next(): number {
    const whole = Math.min(this.#maxMs, this.#initialMs * 2 ** Math.min(this.#failures, 30));
    this.#failures += 1;
    return whole * (0.5 + Math.random() / 2);
  }

  /** All is well again. */
  reset(): void {
    this.#failures = 0;
  }
}

/** @throws the signal's reason when it is aborted. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  try {
    await delay(ms, undefined, { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}
