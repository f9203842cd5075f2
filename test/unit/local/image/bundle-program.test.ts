/** The program as the image has it: what a worker loads, and that nothing of the sources is needed to run it. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { builtinModules, createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { OutputChunk } from 'rolldown';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bundleProgram, LICENSES, PROGRAM } from '../../../../local/image/bundle-program.ts';
import { isExternal } from '../../../../local/image/external-packages.ts';
import { VERSION } from '../../../../src/version.ts';

/** Below node_modules, where the program finds the Temporal SDK. */
const STATE = fileURLToPath(new URL('../../../../.certman/', import.meta.url));
/** Each byte of text is kept in the worker's memory, and its code takes about as much again. */
const MAX_WORKER_BYTES = 3_980_000;

const require = createRequire(import.meta.url);
let folder: string;
let chunks: readonly OutputChunk[];

beforeAll(async () => {
  await mkdir(STATE, { recursive: true });
  folder = await mkdtemp(join(STATE, 'bundle-test-'));
  chunks = await bundleProgram(folder);
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** What a worker loads when it starts: the program, its command, and what these import at once. */
function loadedByWorker(): readonly OutputChunk[] {
  const byName = new Map(chunks.map((chunk) => [chunk.fileName, chunk]));
  const command = chunks.find(({ facadeModuleId }) => facadeModuleId?.endsWith('/src/worker/run-worker.ts') === true);
  const loaded = new Set<string>();
  const load = (name: string): void => {
    if (loaded.has(name) || !byName.has(name)) return;
    loaded.add(name);
    byName.get(name)?.imports.forEach(load);
  };
  load(PROGRAM);
  if (command !== undefined) load(command.fileName);
  return chunks.filter(({ fileName }) => loaded.has(fileName));
}

const certman = async (...args: readonly string[]): Promise<string> =>
  (await promisify(execFile)(process.execPath, [join(folder, PROGRAM), ...args])).stdout;

test('a worker loads few bytes', () => {
  const bytes = loadedByWorker().reduce((sum, { code }) => sum + Buffer.byteLength(code), 0);
  expect(bytes).toBeGreaterThan(1_000_000);
  expect(bytes).toBeLessThan(MAX_WORKER_BYTES);
});

test("a worker loads neither client-node's generated API nor the SDK of a cloud before a zone needs it", () => {
  const modules = loadedByWorker().flatMap(({ moduleIds }) => moduleIds);
  expect(
    modules.filter((id) =>
      /client-node\/dist\/gen\/(apis|models)\/|@aws-sdk\/|google-auth-library\/|gaxios\/|@azure\//.test(id),
    ),
  ).toEqual([]);
});

test('nothing is loaded from elsewhere but Node.js and the Temporal SDK', () => {
  const files = new Set(chunks.map(({ fileName }) => fileName));
  const imported = chunks.flatMap(({ imports, dynamicImports }) => [...imports, ...dynamicImports]);
  const foreign = imported.filter(
    (name) => !files.has(name) && !builtinModules.includes(name.replace(/^node:/, '')) && !isExternal(name),
  );
  expect(foreign).toEqual([]);
});

test('every file is ASCII: V8 keeps any other as two bytes for each character', () => {
  // oxlint-disable-next-line no-control-regex -- the range of ASCII
  expect(chunks.filter(({ code }) => /[^\x00-\x7f]/.test(code)).map(({ fileName }) => fileName)).toEqual([]);
});

test('it prints its version, its help and its settings', async () => {
  expect(await certman('--version')).toBe(`${VERSION}\n`);
  expect(await certman('--help')).toContain('worker');
  expect(await certman('config', '--markdown')).toContain('CERTMAN_MANAGEMENT_CLUSTER');
});

test('the SDK finds the converter of failures by its path', () => {
  const { failureConverter } = require(join(folder, 'failure-converter.js')) as Readonly<Record<string, unknown>>;
  expect(failureConverter).toMatchObject({
    errorToFailure: expect.any(Function),
    failureToError: expect.any(Function),
  });
});

test('it comes with the licenses of what is in it', async () => {
  const licenses = await readFile(join(folder, LICENSES), 'utf8');
  for (const name of ['undici', '@kubernetes/client-node', 'acme-client', 'zod'])
    expect(licenses).toContain(`${name} `);
});
