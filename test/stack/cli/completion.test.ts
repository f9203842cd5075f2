/** Completion in real shells, with names from a real API server. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { executable } from '../../../local/stack/build/executables.ts';
import { onPath } from '../../../local/stack/build/locate-executable.ts';
import { createClusterDeployment, useManagementCluster } from '../../support/kubernetes/management-cluster.ts';
import { useStack } from '../../support/vitest/use-stack.ts';

const folder = mkdtempSync(join(tmpdir(), 'certman-completion-'));
for (const name of ['certman', 'kubectl-certman', 'kubectl_complete-certman'])
  symlinkSync(fileURLToPath(new URL(`../../../bin/${name}.js`, import.meta.url)), join(folder, name));
const managementCluster = useManagementCluster();
let namespace: string;
beforeAll(async () => {
  namespace = await managementCluster().namespace();
  for (const name of ['blue-1', 'blue-2', 'green'])
    await createClusterDeployment(managementCluster().admin, namespace, name);
});
afterAll(() => rmSync(folder, { recursive: true }));

async function run(command: string, args: readonly string[]): Promise<string> {
  const path = [folder, dirname(process.execPath), process.env['PATH'] ?? ''].join(':');
  const env = { ...useStack().environment(), HOME: folder, PATH: path };
  return (await promisify(execFile)(command, args, { env })).stdout;
}

/** What bash offers after these words; the last one is completed. */
async function inBash(...words: readonly string[]): Promise<readonly string[]> {
  const script = `source <(certman completion bash)
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _certman; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return (await run('bash', ['--norc', '-c', script, 'bash', 'certman', ...words])).split('\n').filter(Boolean).sort();
}

describe('bash', () => {
  test('completes commands, flags and their values', async () => {
    expect(await inBash('re')).toEqual(['release', 'renew', 'report', 'resume', 'revoke']);
    expect(await inBash('account', 'sh')).toEqual(['show']);
    expect(await inBash('status', '--na')).toEqual(['--namespace']);
    expect(await inBash('status', '--output', '=', 'j')).toEqual(['json']);
    expect(await inBash('completion', '')).toEqual(['bash', 'fish', 'zsh']);
  });

  test('completes names of clusters in the namespace that is given, and namespaces', async () => {
    expect(await inBash('explain', '-n', namespace, 'bl')).toEqual(['blue-1', 'blue-2']);
    expect(await inBash('explain', `${namespace}/gr`)).toEqual([`${namespace}/green`]);
    expect(await inBash('status', '-n', namespace.slice(0, -1))).toContain(namespace);
    expect(await inBash('explain', '--kubeconfig', '/no/such/file', '-n', namespace, 'bl')).toEqual([]);
  });

  test('runs nothing of what is typed', async () => {
    const file = join(folder, 'made');
    await inBash('status', `$(touch ${file})`, '');
    await expect(run('ls', [file])).rejects.toThrow(/made/);
  });
});

test('kubectl completes the plugin', async () => {
  const kubectl = await executable('kubectl');
  expect(await run(kubectl, ['__complete', 'certman', 'expl'])).toMatch(/^explain\t.*\n:4\n/);
  expect(await run(kubectl, ['__complete', 'certman', 'explain', '-n', namespace, 'gr'])).toMatch(/^green\s*\n:4\n/);
});

if (onPath('zsh') !== undefined)
  test('zsh is given the same candidates', async () => {
    // Instead of the completion system, whose widgets need a terminal.
    const script = `compdef() {}; _describe() { print -l -- "\${(@)candidates}" }; _files() { print files }
    source <(certman completion zsh)
    words=(certman stat); CURRENT=2; _certman
    words=(certman status --kubeconfig ''); CURRENT=4; _certman`;
    expect(await run('zsh', ['-f', '-c', script])).toMatch(/^status:show where .*\nfiles\n$/);
  });

if (onPath('fish') !== undefined)
  test('fish is given the same candidates', async () => {
    const script = "certman completion fish | source; complete -C 'certman status -o '";
    const offered = (await run('fish', ['--no-config', '-c', script])).trim().split('\n').sort();
    expect(offered).toEqual(['json', 'table', 'wide', 'yaml']);
  });
