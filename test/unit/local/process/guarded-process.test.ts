import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type GuardedProcess, spawnGuarded } from '../../../../local/stack/process/guarded-process.ts';
import { waitForExit } from '../../../support/process/wait-for-exit.ts';
import { eventually } from '../../../support/vitest/eventually.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'certman-guard-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let logs = 0;
async function shell(script: string): Promise<GuardedProcess & { readonly log: () => Promise<string> }> {
  const logFile = join(folder, `${++logs}.log`);
  const running = await spawnGuarded({ command: 'sh', args: ['-c', script], logFile });
  return { ...running, log: () => readFile(logFile, 'utf8') };
}

/** Process ids that a script wrote, one a line. */
async function pidsIn(read: () => Promise<string>, count: number): Promise<readonly number[]> {
  const text = await eventually('process ids', read, (seen) => seen.trim().split('\n').filter(Boolean).length >= count);
  return text.trim().split('\n').map(Number);
}

describe('a guarded process', () => {
  test('has the process id, the exit code and the output of the program', async () => {
    const running = await shell('echo $$; exit 7');
    await running.end;
    expect(running.ended()).toBe('code 7');
    expect(await running.log()).toBe(`${running.pid}\n`);
  });

  test('exits on SIGTERM with its own exit code', async () => {
    const running = await shell("trap 'echo bye; exit 3' TERM; echo $$; while :; do sleep 0.05; done");
    await pidsIn(running.log, 1);
    await running.stop();
    expect(running.ended()).toBe('code 3');
    expect(await running.log()).toContain('bye');
  });

  test('is killed when it does not exit within the grace period', async () => {
    const running = await shell("trap '' TERM; echo $$; while :; do sleep 0.05; done");
    await pidsIn(running.log, 1);
    await running.stop(200);
    expect(running.ended()).toBe('signal SIGKILL');
  });

  test('ends with every process that it started', async () => {
    const running = await shell('sleep 1000 & echo $!; echo $$; wait');
    const pids = await pidsIn(running.log, 2);
    await running.kill();
    expect(await waitForExit(pids)).toEqual([]);
  });

  test('has an empty standard input', async () => {
    const running = await shell('read line || echo "end of input"');
    await running.end;
    expect(await running.log()).toBe('end of input\n');
  });

  test('does not exist when the program is not found', async () => {
    const logFile = join(folder, 'missing.log');
    const running = await spawnGuarded({ command: '/no/such/program', args: [], logFile });
    await running.end;
    expect(running.ended()).toBe('code 127');
    expect(await readFile(logFile, 'utf8')).toContain('/no/such/program');
  });
});

test('SIGKILL of the parent ends all of its processes', async () => {
  const module = fileURLToPath(new URL('../../../../local/stack/process/guarded-process.ts', import.meta.url));
  const script = join(folder, 'parent.ts');
  const logFile = join(folder, 'children.log');
  const stubborn = "trap '' TERM HUP; sleep 1000 & echo $!; echo $$; while :; do sleep 0.05; done";
  await writeFile(
    script,
    `import { spawnGuarded } from ${JSON.stringify(module)};
for (let i = 0; i < 3; i += 1) await spawnGuarded({ command: 'sh', args: ['-c', ${JSON.stringify(stubborn)}], logFile: ${JSON.stringify(logFile)} });
setInterval(() => undefined, 1000);
`,
  );
  const parent = spawn(process.execPath, [script], { stdio: 'inherit' });
  const pids = await pidsIn(() => readFile(logFile, 'utf8').catch(() => ''), 6);
  expect(new Set(pids).size).toBe(6);
  parent.kill('SIGKILL');
  expect(await waitForExit(pids)).toEqual([]);
});
