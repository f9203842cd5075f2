import { Worker as Thread } from 'node:worker_threads';
import { afterEach, expect, test } from 'vitest';
import { endThreads, withStartedThreads } from '../../../src/worker/started-threads.ts';

const started: Thread[] = [];

function startThread(): Thread {
  const thread = new Thread('setInterval(() => undefined, 1000)', { eval: true });
  started.push(thread);
  return thread;
}

afterEach(async () => {
  await endThreads(started.splice(0));
  expect(process.listenerCount('worker')).toBe(0);
});

test('of threads that start in the same tick, each start finds its own', async () => {
  startThread();
  const starts = [1, 2].map(() => {
    const own: { thread?: Thread } = {};
    const found = withStartedThreads(async () => {
      own.thread = startThread();
    });
    return { own, found };
  });
  startThread();
  for (const { own, found } of starts) expect((await found).threads).toEqual([own.thread]);
});

test('a start that fails leaves no thread', async () => {
  const { promise: exited, resolve: onExit } = Promise.withResolvers<unknown>();
  const failing = withStartedThreads(() => {
    startThread().once('exit', onExit);
    return Promise.reject(new Error('refused'));
  });
  await expect(failing).rejects.toThrow('refused');
  await exited;
});

test('a start without a thread is an error, since what it starts could not be ended', async () => {
  await expect(withStartedThreads(async () => undefined)).rejects.toThrow('No thread was started');
});
