import { expect, test, vi } from 'vitest';
import { FirstTasks } from '../../../activities/first-tasks.ts';

const never = (): AbortSignal => new AbortController().signal;
const inTime = (): number => Date.now() + 5_000;

/** Ends with its signal. */
const slow = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error));
  });

test('work in a first task is done where there is the time', async () => {
  const tasks = new FirstTasks(20);
  expect(await tasks.run(inTime(), never(), () => Promise.resolve('done'))).toBe('done');
  const failing = tasks.run(inTime(), never(), () => Promise.reject(new TypeError('refused')));
  await expect(failing).rejects.toThrow('refused');
  expect(await tasks.run(inTime(), never(), () => Promise.resolve('after a failure'))).toBe('after a failure');
});

test.each([
  ['a task that has waited', () => Date.now() + 500],
  ['a worker whose clock is ahead', () => Date.now() - 60_000],
  ['no number', () => Number.NaN],
])('no work is begun for %s', async (_of, deadline) => {
  const work = vi.fn(() => Promise.resolve('done'));
  expect(await new FirstTasks(20).run(deadline(), never(), work)).toBeUndefined();
  expect(work).not.toHaveBeenCalled();
});

test('work that is slow is ended, and then none is begun for a while', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
  try {
    const tasks = new FirstTasks(20);
    const ended = expect(tasks.run(inTime(), never(), slow)).rejects.toThrow('longer than 3 s');
    await vi.advanceTimersByTimeAsync(3_000);
    await ended;
    expect(await tasks.run(inTime(), never(), () => Promise.resolve('done'))).toBeUndefined();
    await vi.advanceTimersByTimeAsync(30_000);
    expect(await tasks.run(inTime(), never(), () => Promise.resolve('done'))).toBe('done');
  } finally {
    vi.useRealTimers();
  }
});

test('work is never in all slots: what is too much is left to the ordinary activity', async () => {
  const tasks = new FirstTasks(4);
  const gates = [1, 2, 3].map(() => Promise.withResolvers<string>());
  const underWay = gates.map(({ promise }) => tasks.run(inTime(), never(), () => promise));
  expect(await tasks.run(inTime(), never(), () => Promise.resolve('done'))).toBeUndefined();
  gates[0]?.resolve('first');
  expect(await underWay[0]).toBe('first');
  expect(await tasks.run(inTime(), never(), () => Promise.resolve('done'))).toBe('done');
  for (const { resolve } of gates) resolve('other');
  expect(await Promise.all(underWay)).toEqual(['first', 'other', 'other']);
});

test('a cancelled activity ends its work', async () => {
  const activity = new AbortController();
  const work = new FirstTasks(20).run(inTime(), activity.signal, slow);
  activity.abort(new DOMException('cancelled', 'AbortError'));
  await expect(work).rejects.toThrow('cancelled');
});
