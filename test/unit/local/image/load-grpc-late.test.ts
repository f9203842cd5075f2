/** The errors of the Temporal SDK's native core, as the image has them. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadGrpcLate } from '../../../../local/image/load-grpc-late.ts';

/** Below node_modules, where the module finds what it loads. */
const STATE = fileURLToPath(new URL('../../../../.certman/', import.meta.url));
const PACKAGE = '@temporalio/core-bridge';
const MODULE = `${PACKAGE}/lib/errors.js`;

const require = createRequire(import.meta.url);
let folder: string;
let file: string;

beforeAll(async () => {
  await mkdir(STATE, { recursive: true });
  folder = await mkdtemp(join(STATE, 'errors-test-'));
  file = join(folder, MODULE);
  await mkdir(dirname(file), { recursive: true });
  for (const copied of [MODULE, `${PACKAGE}/package.json`]) await cp(require.resolve(copied), join(folder, copied));
  loadGrpcLate(folder);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

test('a failed request has its metadata, and loads the gRPC client', async () => {
  const code = `
    const { convertFromNamedError } = require(${JSON.stringify(file)});
    const isLoaded = () => Object.keys(require.cache).some((name) => name.includes('/@grpc/grpc-js/'));
    const before = isLoaded();
    const bare = Object.assign(new Error('gone'), { name: 'ServiceError', code: 5, metadata: { 'retry-after': '7' } });
    const { message, code, metadata } = convertFromNamedError(bare, false);
    console.log(JSON.stringify({ before, after: isLoaded(), message, code, metadata: metadata.getMap() }));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', code]);
  expect(JSON.parse(stdout)).toEqual({
    before: false,
    after: true,
    message: 'gone',
    code: 5,
    metadata: { 'retry-after': '7' },
  });
});

test('another module than that of the SDK is refused', () => {
  expect(() => loadGrpcLate(folder)).toThrow('does not use the one class of @grpc/grpc-js that is expected');
});
