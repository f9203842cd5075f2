import { Worker as Thread } from 'node:worker_threads';
import { afterEach, expect, test } from 'vitest';
import { cpuMsOf, endThreads, withStartedThreads } from '../../../src/worker/started-threads.ts';
import { eventually } from '../../support/vitest/eventually.ts';

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

test('the CPU time of threads is that of each, together', async () => {
  const cpuUsage = async () => ({ user: 3_000, system: 500 });
  expect(await cpuMsOf([{ cpuUsage }, { cpuUsage }])).toBe(7);
});

test('a thread that does not return has CPU time', async () => {
  const thread = new Thread('for (;;);', { eval: true });
  started.push(thread);
  await eventually(
    'it has run for a while',
    () => cpuMsOf([thread]),
    (cpuMs) => cpuMs > 50,
  );
});

test('a thread whose CPU time Node.js cannot say counts as one that runs all the time', async () => {
  const before = await cpuMsOf([{}]);
  await eventually(
    'time has passed',
    () => cpuMsOf([{}]),
    (cpuMs) => cpuMs >= before + 10,
  );
});

test('a thread that has ended has no CPU time', async () => {
  const thread = startThread();
  await endThreads([thread]);
  await expect(cpuMsOf([thread])).rejects.toThrow();
});
