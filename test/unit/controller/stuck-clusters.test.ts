import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ControllerContext } from '../../../src/controller/controller-context.ts';
import { stuckClusterSignals } from '../../../src/controller/stuck-clusters.ts';

// Fake timers do not reach the pauses of node:timers/promises.
vi.mock('../../../src/kubernetes/api/backoff.ts', async (original) => ({
  ...(await original<object>()),
  pause: (ms: number, signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      setTimeout(resolve, ms);
      signal.addEventListener('abort', () => resolve(), { once: true });
    }),
}));

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('a ConfigMap or account that keeps changing causes rounds of signals at a limited rate', async () => {
  const rounds: string[] = [];
  const context = {
    signal: new AbortController().signal,
    logger: { info: ({ what }: { what: string }) => void rounds.push(what), warn: () => {}, error: () => {} },
    workflows: { listWaitingOrFailing: () => Promise.resolve([]) },
    signaller: { reevaluate: () => Promise.resolve() },
  } as unknown as ControllerContext;
  const { signalAll } = stuckClusterSignals(context);
  for (let change = 1; change <= 29; change += 1) {
    void signalAll(`change ${change}`);
    await vi.advanceTimersByTimeAsync(1_000);
  }
  expect(rounds).toEqual(Array.from({ length: 10 }, (_, index) => `change ${index + 1}`));
  // The changes that came meanwhile share one round.
  await vi.advanceTimersByTimeAsync(60_000);
  expect(rounds.slice(10)).toEqual(['change 11']);
});
