import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { WorkByKey } from '../../../../activities/watch/work-by-key.ts';

const fail = (error: unknown): never => {
  throw error;
};

describe('WorkByKey', () => {
  test('keeps the order of each key and does different keys at once', async () => {
    const work = new WorkByKey(8, 100, fail);
    const log: string[] = [];
    const step = (name: string, ms: number) => async (): Promise<void> => {
      log.push(`${name}+`);
      await sleep(ms);
      log.push(`${name}-`);
    };
    await Promise.all([work.add('a', step('a1', 30)), work.add('a', step('a2', 1)), work.add('b', step('b1', 5))]);
    expect(log).toEqual(['a1+', 'b1+', 'b1-', 'a1-', 'a2+', 'a2-']);
  });

  test('never does more at once than it may', async () => {
    const work = new WorkByKey(3, 100, fail);
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
    const work = new WorkByKey(3, 100, (error) => errors.push(error));
    const results = await Promise.all([
      work.add('a', () => Promise.reject(new Error('no'))),
      work.add('a', () => Promise.resolve()),
    ]);
    expect(results).toEqual([false, true]);
    expect(errors).toEqual([new Error('no')]);
  });

  test('makes its caller wait while it is full', async () => {
    const work = new WorkByKey(1, 2, fail);
    void work.add('a', () => sleep(30));
    void work.add('b', () => sleep(1));
    const began = performance.now();
    await work.space();
    expect(performance.now() - began).toBeGreaterThan(20);
    await work.idle();
  });
});
