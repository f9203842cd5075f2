/** A file that cannot be written is found out before the fleet is read, and a failure leaves what was there. */
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createProgram } from '../../../../src/cli/program.ts';
import { ReportFile } from '../../../../src/cli/report/report-file.ts';
import { type FakeFrontend, startFakeFrontend } from '../../../support/faults/fake-frontend.ts';

vi.mock('node:fs/promises', async (original) => {
  const real = await original<{ readonly rename: typeof rename }>();
  return { ...real, rename: vi.fn(real.rename) };
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'certman-report-file-'));
});
afterEach(() => rm(folder, { recursive: true }));

const at = (name: string) => join(folder, name);

test('a new file is there once it is written, and not before', async () => {
  const file = await ReportFile.check(at('new.html'));
  expect(await readdir(folder)).toEqual([]);
  await file.write('all of it');
  expect(await readdir(folder)).toEqual(['new.html']);
  expect(await readFile(at('new.html'), 'utf8')).toBe('all of it');
});

test('a file that is there stays as it is until then, and keeps its permissions', async () => {
  await writeFile(at('old.html'), 'of yesterday, and longer');
  await chmod(at('old.html'), 0o640);
  const file = await ReportFile.check(at('old.html'));
  expect(await readFile(at('old.html'), 'utf8')).toBe('of yesterday, and longer');
  await file.write('of today');
  expect(await readFile(at('old.html'), 'utf8')).toBe('of today');
  expect((await stat(at('old.html'))).mode & 0o777).toBe(0o640);
  expect(await readdir(folder)).toEqual(['old.html']);
});

test('what a symbolic link leads to is replaced, and the link stays', async () => {
  await writeFile(at('dated.html'), 'old');
  await symlink('dated.html', at('latest.html'));
  await (await ReportFile.check(at('latest.html'))).write('new');
  expect(await readFile(at('dated.html'), 'utf8')).toBe('new');
  expect(await readdir(folder)).toHaveLength(2);
});

test('a failure at the end leaves nothing beside what is there', async () => {
  const file = await ReportFile.check(at('taken.html'));
  await mkdir(at('taken.html'));
  await writeFile(at('taken.html/other'), '');
  await expect(file.write('text')).rejects.toThrow(/^--file .*taken\.html cannot be written \(E\w+\)$/);
  expect(await readdir(folder)).toEqual(['taken.html']);
});

test('a file that is mounted by itself is written to', async () => {
  await writeFile(at('mounted.html'), 'of yesterday, and longer');
  const file = await ReportFile.check(at('mounted.html'));
  vi.mocked(rename).mockRejectedValueOnce(Object.assign(new Error('busy'), { code: 'EBUSY' }));
  await file.write('of today');
  expect(await readFile(at('mounted.html'), 'utf8')).toBe('of today');
  expect(await readdir(folder)).toEqual(['mounted.html']);
});

test('a device is written to, and not replaced', async () => {
  await (await ReportFile.check('/dev/null')).write('text');
  expect((await stat('/dev/null')).isCharacterDevice()).toBe(true);
});

let frontend: FakeFrontend | undefined;
afterEach(async () => {
  vi.unstubAllEnvs();
  await frontend?.close();
});

test.each([
  ['in a folder that is not there', 'nowhere/fleet.html', 'ENOENT'],
  ['that is a folder', '.', 'EISDIR'],
  ['below a file', 'file/fleet.html', 'ENOTDIR'],
])('certman report to a file %s fails before it asks Temporal', async (_what, name, code) => {
  frontend = await startFakeFrontend();
  vi.stubEnv('TEMPORAL_ADDRESS', frontend.address);
  await writeFile(at('file'), '');
  const reported = createProgram().parseAsync(['report', '-f', at(name)], { from: 'user' });
  await expect(reported).rejects.toThrow(`cannot be written (${code})`);
  expect(frontend.requests).toEqual([]);
  expect(await readdir(folder)).toEqual(['file']);
});
