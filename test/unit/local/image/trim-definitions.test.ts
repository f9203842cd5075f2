/** The Temporal SDK's Protobuf definitions, as the image has them. */
import { cp, mkdir, mkdtemp, readFile, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { trimDefinitions } from '../../../../local/image/trim-definitions.ts';

const STATE = fileURLToPath(new URL('../../../../.certman/', import.meta.url));
const PROTO = '@temporalio/proto';
const MODULE = `${PROTO}/protos/json-module.js`;

/** As protobufjs has it. */
interface Root {
  resolveAll(): this;
  toJSON(): { readonly nested: { readonly temporal: { readonly nested: { readonly api: { nested: object } } } } };
}

const require = createRequire(import.meta.url);
/** The SDK has a protobufjs of its own. */
const requireAsSdk = createRequire(require.resolve(MODULE));
let folder: string;
let trimmedModule: string;

beforeAll(async () => {
  await mkdir(STATE, { recursive: true });
  folder = await mkdtemp(join(STATE, 'definitions-test-'));
  const nodeModules = join(folder, 'node_modules');
  trimmedModule = join(nodeModules, MODULE);
  await mkdir(dirname(trimmedModule), { recursive: true });
  for (const file of [MODULE, `${PROTO}/package.json`]) await cp(require.resolve(file), join(nodeModules, file));
  await symlink(dirname(requireAsSdk.resolve('protobufjs/package.json')), join(nodeModules, 'protobufjs'));
  trimDefinitions(nodeModules);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** protobufjs keeps one root by its name, to which each module of definitions adds. */
function load(file: string): Root {
  const { roots } = requireAsSdk('protobufjs/light') as { readonly roots: Record<string, Root> };
  delete roots['__temporal'];
  return (require(file) as Root).resolveAll();
}

test('all definitions but those of Temporal Cloud are the same, and refer to no other', () => {
  const original = load(MODULE).toJSON();
  const trimmed = load(trimmedModule).toJSON();
  const { cloud, ...others } = original.nested.temporal.nested.api.nested as { readonly cloud?: object };
  expect(cloud).toBeDefined();
  original.nested.temporal.nested.api.nested = others;
  expect(trimmed).toEqual(original);
});

test('the module has no text of them, and their file one byte for each character', async () => {
  expect((await stat(trimmedModule)).size).toBeLessThan(1_000);
  const definitions = await readFile(join(dirname(trimmedModule), 'definitions.json'));
  expect(definitions.length).toBe(definitions.toString('utf8').length);
});

test('another module than that of the SDK is refused', () => {
  expect(() => trimDefinitions(join(folder, 'node_modules'))).toThrow('has no call of addJSON with an object');
});
