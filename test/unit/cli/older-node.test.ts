/** What `certman` on the PATH, as by `npm link`, does where the PATH has an older Node than that of `npm ci`. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { VERSION } from '../../../src/version.ts';

const BIN = fileURLToPath(new URL('../../../bin', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'certman-bin-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** This Node, which says that it is Node 20. */
function runOnOlderNode(bin: string, ...args: readonly string[]) {
  const versions = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } })`;
  const preload = `data:text/javascript,${encodeURIComponent(versions)}`;
  return spawnSync(process.execPath, ['--import', preload, bin, ...args], { encoding: 'utf8', input: '' });
}

describe('in a checkout after npm ci', () => {
  test('certman runs on the Node of npm ci, with its output and its exit code', () => {
    expect(runOnOlderNode(join(BIN, 'certman.js'), '--version')).toMatchObject({ status: 0, stdout: `${VERSION}\n` });
    const wrong = runOnOlderNode(join(BIN, 'certman.js'), 'statsu');
    expect(wrong).toMatchObject({ status: 2, stderr: expect.stringContaining('Did you mean status?') as string });
  });

  test('as a plugin of kubectl, it is called as one', () => {
    const help = runOnOlderNode(join(BIN, 'kubectl-certman.js'), 'status', '--help');
    expect(help.stdout).toContain('Usage: kubectl certman status');
  });

  test('completion gets the words once', () => {
    const { status, stdout } = runOnOlderNode(join(BIN, 'kubectl_complete-certman.js'), 'expl');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^explain\b/);
  });
});

test('without the Node of npm ci, it says what to install', () => {
  cpSync(BIN, join(folder, 'bin'), { recursive: true });
  expect(runOnOlderNode(join(folder, 'bin', 'certman.js'), 'status')).toMatchObject({
    status: 2,
    stdout: '',
    stderr: expect.stringContaining('Node 20.20.2 is too old; install Node 24, or run "npm ci"') as string,
  });
});
