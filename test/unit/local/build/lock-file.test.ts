import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withLock } from '../../../../local/stack/build/lock-file.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'certman-lock-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('one process holds the lock; the others wait and report its holder', async () => {
  const file = join(folder, 'one');
  let inside = 0;
  let most = 0;
  const waited: string[] = [];
  const builder = (): Promise<void> =>
    withLock(
      file,
      async () => {
        inside += 1;
        most = Math.max(most, inside);
        await sleep(50);
        inside -= 1;
      },
      { onWait: (holder) => waited.push(holder) },
    );
  await Promise.all([builder(), builder(), builder()]);
  expect(most).toBe(1);
  expect(waited).toContain(`process ${process.pid}`);
  expect(await readdir(folder)).toEqual([]);
});

test('the lock of a process that has ended is taken over', async () => {
  const file = join(folder, 'dead');
  await writeFile(file, JSON.stringify({ token: 'x', pid: 2 ** 22 + 1, host: hostname() }));
  expect(await withLock(file, () => Promise.resolve('built'))).toBe('built');
});

test('the lock of another machine is taken over when it is stale', async () => {
  const file = join(folder, 'elsewhere');
  await writeFile(file, JSON.stringify({ token: 'x', pid: 1, host: 'elsewhere' }));
  const begun = performance.now();
  setTimeout(() => void utimes(file, new Date(0), new Date(0)), 300);
  expect(await withLock(file, () => Promise.resolve('built'))).toBe('built');
  expect(performance.now() - begun).toBeGreaterThan(290);
});

test('an aborted signal ends the wait', async () => {
  const file = join(folder, 'busy');
  await withLock(file, async () => {
    const signal = AbortSignal.timeout(100);
    await expect(withLock(file, () => Promise.resolve(), { signal })).rejects.toThrow();
  });
});

test('a failure of the body releases the lock', async () => {
  const file = join(folder, 'failing');
  await expect(withLock(file, () => Promise.reject(new Error('no compiler')))).rejects.toThrow('no compiler');
  expect(await withLock(file, () => Promise.resolve('built'))).toBe('built');
});

test('the lock of a running process on this machine is never taken over, whatever its age', async () => {
  const file = join(folder, 'stopped');
  await withLock(file, async () => {
    await utimes(file, new Date(0), new Date(0));
    const signal = AbortSignal.timeout(1_500);
    await expect(withLock(file, () => Promise.resolve(), { signal, staleMs: 0 })).rejects.toThrow();
  });
});

test('the lock is taken over when another process has the id of its holder', async () => {
  const file = join(folder, 'reused');
  await writeFile(file, JSON.stringify({ token: 'x', pid: process.pid, identity: 'another', host: hostname() }));
  expect(await withLock(file, () => Promise.resolve('built'))).toBe('built');
});
