import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PART_NAMES } from '../../../local/stack/versions.ts';
import { waitForExit } from '../../support/process/wait-for-exit.ts';
import { WAIT_TIMEOUT_MS } from '../../support/vitest/timeouts.ts';

const CLI = fileURLToPath(new URL('../../../local/stack/cli.ts', import.meta.url));

let stateDir: string;
beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'certman-cli-'));
});
afterAll(async () => {
  await stack('down');
  await rm(stateDir, { recursive: true, force: true });
});

interface Ended {
  readonly code: number;
  readonly output: string;
  readonly complaint: string;
}

function stack(...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [CLI, ...args, '--state', stateDir],
      { timeout: WAIT_TIMEOUT_MS },
      (error, output, complaint) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? -1), output, complaint });
      },
    );
  });
}

interface Status {
  readonly running: boolean;
  readonly supervisor: { readonly pid: number };
  readonly parts: readonly { readonly name: string; readonly state: string; readonly pid: number }[];
}

async function statusOf(): Promise<{ readonly code: number; readonly status: Status }> {
  const { code, output } = await stack('status', '--json');
  return { code, status: JSON.parse(output) as Status };
}

test('without a stack, status fails and down succeeds', async () => {
  expect(await statusOf()).toMatchObject({ code: 1, status: { running: false } });
  expect(await stack('down', '--json')).toMatchObject({ code: 0 });
});

test('up in the background, status, logs, a second up, SIGKILL, up again and down leave no process', async () => {
  const up = await stack('up', '--detach', '--json');
  expect(up).toMatchObject({ code: 0 });
  const { managementCluster } = JSON.parse(up.output) as {
    readonly managementCluster: { readonly environment: Record<string, string> };
  };
  expect(managementCluster.environment['KUBECONFIG']).toBe(join(stateDir, 'certman.kubeconfig'));
  expect(await readFile(join(stateDir, 'env.sh'), 'utf8')).toContain(
    `export KUBECONFIG='${stateDir}/certman.kubeconfig'`,
  );

  const first = await statusOf();
  expect(first.code).toBe(0);
  expect(first.status.parts.map(({ name, state }) => `${name} ${state}`)).toEqual(
    PART_NAMES.map((name) => `${name} running`),
  );

  const logs = await stack('logs', 'pebble', '-n', '3');
  expect(logs.output.trim().split('\n')).toHaveLength(3);
  expect(logs.output).toMatch(/^pebble +\| /);
  expect(await stack('logs', 'nobody')).toMatchObject({
    code: 1,
    complaint: expect.stringContaining('There are: coredns'),
  });
  expect(await stack('up')).toMatchObject({ code: 1, complaint: expect.stringContaining('already') });

  process.kill(first.status.supervisor.pid, 'SIGKILL');
  expect(await waitForExit(first.status.parts.map(({ pid }) => pid))).toEqual([]);
  expect((await statusOf()).status.running).toBe(false);

  expect(await stack('up', '--detach')).toMatchObject({ code: 0 });
  const { status } = await statusOf();
  expect(await stack('down')).toMatchObject({ code: 0, output: 'Ended.\n' });
  const pids = [status.supervisor.pid, ...status.parts.map(({ pid }) => pid)];
  expect(await waitForExit(pids)).toEqual([]);
});
