import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { waitForExit } from '../../support/process/wait-for-exit.ts';

let stateDir: string;
beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'certman-local-'));
  vi.resetModules();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(stateDir, { recursive: true, force: true });
});

/** Ids of all processes of the stack that were there at some moment. */
async function recordPids(ended: AbortSignal): Promise<ReadonlySet<number>> {
  const pids = new Set<number>();
  const folder = join(stateDir, 'run');
  while (!ended.aborted) {
    for (const file of await readdir(folder).catch(() => [])) {
      const pid = Number(await readFile(join(folder, file), 'utf8').catch(() => ''));
      if (pid > 0) pids.add(pid);
    }
    await sleep(10);
  }
  return pids;
}

test('a part that does not start is reported with its log, and no process is left', async () => {
  const broken = join(stateDir, 'broken-pebble');
  await writeFile(broken, '#!/bin/sh\necho "bind: permission denied by a test" >&2\nexit 3\n');
  await chmod(broken, 0o755);
  vi.stubEnv('CERTMAN_LOCAL_PEBBLE', broken);
  const { startStack } = await import('../../../local/stack/stack.ts');
  const ended = new AbortController();
  const recording = recordPids(ended.signal);
  await expect(startStack({ stateDir })).rejects.toThrow(
    new RegExp(
      `^pebble ended with code 3 instead of starting. Log: ${stateDir}/logs/pebble.log. Its last lines:\\n {2}bind: permission`,
    ),
  );
  ended.abort();
  const pids = await recording;
  expect(pids.size).toBeGreaterThanOrEqual(4);
  expect(await waitForExit([...pids])).toEqual([]);
});

test('an aborted start leaves no process', async () => {
  const { startStack } = await import('../../../local/stack/stack.ts');
  const ended = new AbortController();
  const recording = recordPids(ended.signal);
  const giveUp = new AbortController();
  const starting = startStack({ stateDir, signal: giveUp.signal, onStarted: () => giveUp.abort(new Error('enough')) });
  await expect(starting).rejects.toThrow('enough');
  ended.abort();
  const pids = await recording;
  expect(pids.size).toBeGreaterThan(0);
  expect(await waitForExit([...pids])).toEqual([]);
});
