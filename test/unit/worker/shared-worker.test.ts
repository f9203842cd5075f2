import type { Worker } from '@temporalio/worker';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { SharedWorker } from '../../../src/worker/shared-worker.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

/** One whose worker is created when the promise says so. */
function sharedWorker(created: Promise<Worker>): SharedWorker {
  const shared = new SharedWorker(pino({ level: 'silent' }));
  shared.createWith(() => created);
  return shared;
}

const never = (): Promise<Worker> => Promise.withResolvers<Worker>().promise;

test('a Temporal that does not answer holds up neither the start of a worker nor its end', async () => {
  const shared = sharedWorker(never());
  for (const wait of [() => shared.start(), () => shared.stop()]) {
    const waiting = wait();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await waiting).toBeUndefined();
  }
});

describe('where it is not known whether it is needed', () => {
  const unknown = (): Promise<boolean> => Promise.withResolvers<boolean>().promise;
  const { signal } = new AbortController();

  test.each([
    ['after ten seconds', unknown],
    ['at once, because of a failure', () => Promise.reject(new Error('no account can be read'))],
  ])('a worker starts without it %s', async (_when, isNeeded) => {
    const create = vi.fn(never);
    const shared = new SharedWorker(pino({ level: 'silent' }));
    shared.createWith(create);
    const starting = shared.startIf(isNeeded, signal);
    await vi.advanceTimersByTimeAsync(isNeeded === unknown ? 10_000 : 0);
    expect(await starting).toBeUndefined();
    expect(create).not.toHaveBeenCalled();
  });

  test('a worker that is stopped does not wait to know', async () => {
    const stop = new AbortController();
    const starting = sharedWorker(never()).startIf(unknown, stop.signal);
    stop.abort();
    expect(await starting).toBeUndefined();
  });
});

test('it starts with a worker that needs it', async () => {
  const create = vi.fn(never);
  const shared = new SharedWorker(pino({ level: 'silent' }));
  shared.createWith(create);
  const starting = shared.startIf(() => Promise.resolve(true), new AbortController().signal);
  await vi.advanceTimersByTimeAsync(10_000);
  await starting;
  expect(create).toHaveBeenCalledOnce();
});

test('a worker that is stopped does not wait for it', async () => {
  const stop = new AbortController();
  const starting = sharedWorker(never()).start(stop.signal);
  stop.abort();
  expect(await starting).toBeUndefined();
});

test('one that is created after the stop ends', async () => {
  const created = Promise.withResolvers<Worker>();
  const shared = sharedWorker(created.promise);
  const starting = shared.start();
  const stopping = shared.stop();
  const ended = Promise.withResolvers<void>();
  const shutdown = vi.fn(ended.resolve);
  created.resolve({ run: () => ended.promise, getState: () => 'INITIALIZED', shutdown } as unknown as Worker);
  await Promise.all([starting, stopping]);
  expect(shutdown).toHaveBeenCalledOnce();
});
