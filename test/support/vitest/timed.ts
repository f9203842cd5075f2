/** Instants that are relative to a moment, checked on a machine of any speed: that moment lies between two that are known. */
import { expect } from 'vitest';

export interface Timed<T> {
  readonly value: T;
  /** Epoch milliseconds before and after the work. */
  readonly from: number;
  readonly to: number;
}

export async function timed<T>(work: () => Promise<T>): Promise<Timed<T>> {
  const from = Date.now();
  const value = await work();
  return { value, from, to: Date.now() };
}

/** HTTP dates and some instants of the CA are whole seconds. */
const ROUNDING_MS = 1_000;

/** Expects an instant to lie so long after a moment of the work. */
export function expectAfter({ from, to }: Timed<unknown>, instant: Date | string | undefined, afterMs: number): void {
  const at = new Date(instant ?? Number.NaN).getTime();
  expect(at).toBeGreaterThanOrEqual(from + afterMs - ROUNDING_MS);
  expect(at).toBeLessThanOrEqual(to + afterMs + ROUNDING_MS);
}
