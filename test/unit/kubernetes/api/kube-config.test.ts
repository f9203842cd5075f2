/** What people read of a kubeconfig that cannot be used: each has its own remedy. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { loadKubeConfig } from '../../../../src/kubernetes/api/kube-config.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'certman-kubeconfig-'));
});
afterEach(() => vi.unstubAllEnvs());
afterAll(() => rm(folder, { recursive: true }));

const thrown = (read: () => unknown): unknown => {
  try {
    return read();
  } catch (error) {
    return error;
  }
};

test('a KUBECONFIG that names no file: the file, and what to correct', () => {
  vi.stubEnv('KUBECONFIG', join(folder, 'absent'));
  expect(thrown(() => loadKubeConfig())).toMatchObject({
    code: 'configuration/invalid',
    message: expect.stringMatching(/KUBECONFIG \(.*absent\) could not be read: ENOENT/) as string,
    info: { remedy: expect.stringMatching(/^Correct the file, or name the right one by KUBECONFIG/) as string },
  });
});

test('nothing that says where the API server is: what to set', () => {
  vi.stubEnv('KUBECONFIG', undefined);
  vi.stubEnv('HOME', folder);
  expect(thrown(() => loadKubeConfig())).toMatchObject({
    message: expect.stringContaining('there is no KUBECONFIG, no ~/.kube/config') as string,
    info: { remedy: expect.stringMatching(/^Set KUBECONFIG to the kubeconfig/) as string },
  });
});

test('a context that the file has not: those that it has', async () => {
  const path = join(folder, 'two-contexts');
  const contexts = ['east', 'west'].map((name) => ({ name, context: { cluster: name, user: name } }));
  await writeFile(path, JSON.stringify({ contexts }));
  expect(thrown(() => loadKubeConfig({ path, context: 'north' }))).toMatchObject({
    message: expect.stringContaining('has no context north; it has east, west.') as string,
    info: { remedy: 'Name one of these with --context.' },
  });
});

test('a file that is no kubeconfig', async () => {
  const path = join(folder, 'text');
  await writeFile(path, 'export A=1\n');
  expect(thrown(() => loadKubeConfig({ path }))).toMatchObject({
    message: expect.stringContaining(`kubeconfig ${path} names no API server for its context (none).`) as string,
    info: { remedy: expect.stringMatching(/^Correct the file/) as string },
  });
});
