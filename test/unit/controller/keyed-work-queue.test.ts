import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { KeyedWorkQueue } from '../../../src/controller/keyed-work-queue.ts';
import { Gate } from '../../support/faults/gate.ts';

describe('a keyed work queue', () => {
  test('runs work of one key in order and of different keys concurrently', async () => {
    const queue = new KeyedWorkQueue(8, 100);
    const log: string[] = [];
    const step = (name: string, until?: Promise<unknown>) => async (): Promise<void> => {
      log.push(`${name}+`);
      await until;
      log.push(`${name}-`);
    };
    const other = new Gate();
    const first = [queue.add('a', step('a1', other.opened)), queue.add('a', step('a2'))];
    await queue.add('b', step('b1'));
    other.open();
    await Promise.all(first);
    expect(log).toEqual(['a1+', 'b1+', 'b1-', 'a1-', 'a2+', 'a2-']);
  });

  test('never exceeds its concurrency', async () => {
    const queue = new KeyedWorkQueue(3, 100);
    let now = 0;
    let most = 0;
    const all = Array.from({ length: 20 }, (_, index) =>
      queue.add(String(index), async () => {
        now += 1;
        most = Math.max(most, now);
        await sleep(2);
        now -= 1;
      }),
    );
    await Promise.all(all);
    expect(most).toBe(3);
  });

  test('rejects with the error of the work, and runs the next work of the key', async () => {
    const queue = new KeyedWorkQueue(3, 100);
    const [failed, next] = await Promise.allSettled([
      queue.add('a', () => Promise.reject(new Error('no'))),
      queue.add('a', () => Promise.resolve('done')),
    ]);
    expect(failed).toEqual({ status: 'rejected', reason: new Error('no') });
    expect(next).toEqual({ status: 'fulfilled', value: 'done' });
  });

  test('lets callers wait while it is full', async () => {
    const queue = new KeyedWorkQueue(1, 2);
    const first = new Gate();
    void queue.add('a', () => first.opened);
    void queue.add('b', () => Promise.resolve());
    let hasCapacity = false;
    const capacity = (async () => {
      await queue.waitForCapacity();
      hasCapacity = true;
    })();
    await setImmediate();
    expect(hasCapacity).toBe(false);
    first.open();
    await capacity;
    await queue.drain();
  });
});
