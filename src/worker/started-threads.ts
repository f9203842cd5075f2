import type { Worker as Thread } from 'node:worker_threads';

/**
 * Calls `start`, and finds the threads that it starts before its first await, for who cannot reach them otherwise: Node.js
 * announces each new thread on the next tick. Those that others start meanwhile are announced before or after these.
 * @throws what `start` rejects with, once its threads are ended; an Error where it has started none.
 */
export async function withStartedThreads<Result>(
  start: () => Promise<Result>,
): Promise<{ readonly result: Result; readonly threads: readonly Thread[] }> {
  const threads: Thread[] = [];
  const onThread = (thread: Thread): void => void threads.push(thread);
  process.nextTick(() => process.on('worker', onThread));
  const starting = start();
  starting.catch(() => undefined);
  await new Promise<void>((resolve) =>
    process.nextTick(() => {
      process.off('worker', onThread);
      resolve();
    }),
  );
  if (threads.length === 0) throw new Error('No thread was started before the first await');
  try {
    return { result: await starting, threads };
  } catch (error) {
    await endThreads(threads);
    throw error;
  }
}

/** Ends threads, whatever they do. */
export async function endThreads(threads: readonly Thread[]): Promise<void> {
  await Promise.all(threads.map((thread) => thread.terminate()));
}

/**
 * CPU time of threads since they have started, in milliseconds; pending while one of them gets no core. Before Node.js 24.6, which
 * cannot say it, the time that passes: as if they ran all the time.
 * @throws Error `ERR_WORKER_NOT_RUNNING` where one has ended.
 */
export async function cpuMsOf(threads: readonly Partial<Pick<Thread, 'cpuUsage'>>[]): Promise<number> {
  const times = await Promise.all(threads.map(cpuMs));
  return times.reduce((sum, ms) => sum + ms, 0);
}

async function cpuMs(thread: Partial<Pick<Thread, 'cpuUsage'>>): Promise<number> {
  if (thread.cpuUsage === undefined) return performance.now();
  const { user, system } = await thread.cpuUsage();
  return (user + system) / 1_000;
}
