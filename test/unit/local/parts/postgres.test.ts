import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { programsFolder } from '../../../../local/stack/parts/postgres.ts';

let versions: string;

beforeAll(async () => {
  versions = await mkdtemp(join(tmpdir(), 'certman-postgres-versions-'));
  for (const [version, program] of [
    ['9', 'initdb'],
    ['15', 'initdb'],
    ['17', 'psql'],
  ] as const) {
    await mkdir(join(versions, version, 'bin'), { recursive: true });
    await writeFile(join(versions, version, 'bin', program), '', { mode: 0o755 });
  }
});

afterAll(async () => {
  await rm(versions, { recursive: true, force: true });
});

test('PostgreSQL is the newest version of which the machine has the server, not the client alone', async () => {
  expect(await programsFolder(versions)).toBe(join(versions, '15', 'bin'));
});

test('a machine without PostgreSQL is told how to install it', async () => {
  vi.stubEnv('PATH', '');
  try {
    await expect(programsFolder(join(versions, 'none'))).rejects.toMatchObject({
      message: expect.stringContaining('There is no PostgreSQL on this machine'),
      remedy: expect.stringContaining('apt-get install postgresql'),
    });
  } finally {
    vi.unstubAllEnvs();
  }
});
