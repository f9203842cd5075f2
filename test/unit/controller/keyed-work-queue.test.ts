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

  test('runs little in the background at a time, and other work beside it at once', async () => {
    const queue = new KeyedWorkQueue(3, 100, 2);
    const gate = new Gate();
    const running: string[] = [];
    const background = ['a', 'b', 'c', 'd'].map((key) => {
      const work = async (): Promise<void> => {
        running.push(key);
        await gate.opened;
      };
      return queue.add(key, work, 'background');
    });
    await queue.add('e', () => Promise.resolve(running.push('e')));
    await setImmediate();
    expect(running.toSorted()).toEqual(['a', 'b', 'e']);
    expect(queue.hasBackgroundWork).toBe(true);
    gate.open();
    await Promise.all(background);
    expect(running.slice(3)).toEqual(['c', 'd']);
    expect(queue.hasBackgroundWork).toBe(false);
  });

  test('keeps the order of a key whose earlier work is in the background', async () => {
    const queue = new KeyedWorkQueue(3, 100, 1);
    const gate = new Gate();
    const log: string[] = [];
    void queue.add('other', () => gate.opened, 'background');
    const work = (name: string) => () => Promise.resolve(void log.push(name));
    const all = [queue.add('a', work('listed'), 'background'), queue.add('a', work('watched'))];
    await queue.add('b', work('b'));
    expect(log).toEqual(['b']);
    gate.open();
    await Promise.all(all);
    expect(log).toEqual(['b', 'listed', 'watched']);
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
