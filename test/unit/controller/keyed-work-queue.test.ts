import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { KeyedWorkQueue } from '../../../src/controller/keyed-work-queue.ts';
import { Gate } from '../../support/faults/gate.ts';

const fail = (error: unknown): never => {
  throw error;
};

describe('WorkByKey', () => {
  test('keeps the order of each key and does different keys at once', async () => {
    const work = new KeyedWorkQueue(8, 100, fail);
    const log: string[] = [];
    const step = (name: string, until?: Promise<unknown>) => async (): Promise<void> => {
      log.push(`${name}+`);
      await until;
      log.push(`${name}-`);
    };
    const other = new Gate();
    const first = [work.add('a', step('a1', other.opened)), work.add('a', step('a2'))];
    await work.add('b', step('b1'));
    other.open();
    await Promise.all(first);
    expect(log).toEqual(['a1+', 'b1+', 'b1-', 'a1-', 'a2+', 'a2-']);
  });

  test('never does more at once than it may', async () => {
    const work = new KeyedWorkQueue(3, 100, fail);
    let now = 0;
    let most = 0;
    const all = Array.from({ length: 20 }, (_, index) =>
      work.add(String(index), async () => {
        now += 1;
        most = Math.max(most, now);
        await sleep(2);
        now -= 1;
      }),
    );
    expect(await Promise.all(all)).toEqual(Array(20).fill(true));
    expect(most).toBe(3);
  });

  test('gives an error to its owner, counts that work as not done, and goes on with the key', async () => {
    const errors: unknown[] = [];
    const work = new KeyedWorkQueue(3, 100, (error) => errors.push(error));
    const results = await Promise.all([
      work.add('a', () => Promise.reject(new Error('no'))),
      work.add('a', () => Promise.resolve()),
    ]);
    expect(results).toEqual([false, true]);
    expect(errors).toEqual([new Error('no')]);
  });

  test('makes its caller wait while it is full', async () => {
    const work = new KeyedWorkQueue(1, 2, fail);
    const first = new Gate();
    void work.add('a', () => first.opened);
    void work.add('b', () => Promise.resolve());
    let hasSpace = false;
    const space = (async () => {
      await work.waitForCapacity();
      hasSpace = true;
    })();
    await setImmediate();
    expect(hasSpace).toBe(false);
    first.open();
    await space;
    await work.drain();
  });
});
