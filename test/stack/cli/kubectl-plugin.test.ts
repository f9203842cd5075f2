/** `kubectl certman`, by the real kubectl. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { executable } from '../../../local/stack/build/executables.ts';
import { useStack } from '../../support/vitest/use-stack.ts';

const PLUGIN = fileURLToPath(new URL('../../../bin/kubectl-certman.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'certman-plugin-'));
symlinkSync(PLUGIN, join(folder, 'kubectl-certman'));
afterAll(() => rmSync(folder, { recursive: true }));

async function kubectl(...args: readonly string[]) {
  const stack = useStack();
  const env = { ...stack.environment(), HOME: folder, PATH: [folder, dirname(process.execPath), '/usr/bin'].join(':') };
  try {
    return { code: 0, ...(await promisify(execFile)(await executable('kubectl'), args, { env })) };
  } catch (error) {
    return error as { readonly code: number; readonly stdout: string; readonly stderr: string };
  }
}

test('finds the plugin, which takes its flags and says how it was called', async () => {
  expect((await kubectl('plugin', 'list', '--name-only')).stdout).toContain('kubectl-certman');
  const { adminKubeconfig } = useStack().kubernetes;
  const flags = ['-n', 'nothing-here', '--kubeconfig', adminKubeconfig, '--kubernetes'];
  const listed = await kubectl('certman', 'status', ...flags, '-o', 'json');
  expect(listed.code).toBe(0);
  expect(JSON.parse(listed.stdout)).toMatchObject({ source: 'kubernetes', clusters: [] });
  const missing = await kubectl('certman', 'status', 'no-such', ...flags);
  expect(missing).toMatchObject({ code: 1, stdout: '' });
  expect(missing.stderr).toMatch(/no ClusterDeployment or CertificateRequest nothing-here\/no-such/);
  expect(missing.stderr).toContain('kubectl certman status');
  const wrong = await kubectl('certman', 'status', '--no-such-flag');
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toContain('See: kubectl certman status --help');
});
