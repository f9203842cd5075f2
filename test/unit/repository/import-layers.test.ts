/** The layers of lint/layers.ts are enforced: each forbidden import is refused, and the tree has none. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, normalize, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { layerOf } from '../../../lint/import-layers.ts';
import { EXCEPTIONS, LAYERS, type Layer } from '../../../lint/layers.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const OXLINT = join(ROOT, 'node_modules/oxlint/bin/oxlint');
const LAYER_RULE = 'layers(import-layers)';
const CIRCLE_RULE = 'import(no-cycle)';

const Report = z.object({
  diagnostics: z.array(
    z.object({
      code: z.string().optional(),
      message: z.string(),
      filename: z.string(),
      labels: z.array(z.object({ span: z.object({ line: z.number() }) })),
    }),
  ),
});

interface Refusal {
  readonly rule: string;
  /** `file:line`, the file from the linted folder. */
  readonly at: string;
  readonly message: string;
}

/** What oxlint reports by the two rules in `folder`, with the configuration that lies there. */
async function lint(folder: string): Promise<readonly Refusal[]> {
  const output = await new Promise<string>((resolve) => {
    const options = { cwd: folder, maxBuffer: 2 ** 28 };
    // The exit code is 1 when there is something to report.
    execFile(process.execPath, [OXLINT, '--format', 'json'], options, (_, stdout) => resolve(stdout));
  });
  return Report.parse(JSON.parse(output)).diagnostics.flatMap(({ code, message, filename, labels }) =>
    code === LAYER_RULE || code === CIRCLE_RULE
      ? [{ rule: code, at: `${filename}:${labels[0]?.span.line}`, message }]
      : [],
  );
}

/** A file of the layer: the layer itself where that is a file. */
const fileOf = (layer: Layer): string => (/\.[jt]s$/.test(layer.path) ? layer.path : `${layer.path}/probe.ts`);

/** `to` from `from`, both from the root. */
function specifier(from: string, to: string): string {
  const path = relative(dirname(from), to);
  return path.startsWith('.') ? path : `./${path}`;
}

/** The same by way of the root and of the importing file's folder: `../../src/acme/../../src/worker/x.ts`. */
function roundabout(from: string, to: string): string {
  const up = relative(dirname(from), '.') || '.';
  return `${up.startsWith('.') ? up : `./${up}`}/${dirname(from)}/${up}/${to}`;
}

const FORMS: Readonly<Record<string, (from: string, to: string, name: string) => string>> = {
  import: (from, to, name) => `import { value as ${name} } from '${specifier(from, to)}';`,
  'import, roundabout': (from, to, name) => `import { value as ${name} } from '${roundabout(from, to)}';`,
  'import type': (from, to, name) => `import type { Type as ${name} } from '${specifier(from, to)}';`,
  'import type, roundabout': (from, to, name) => `import type { Type as ${name} } from '${roundabout(from, to)}';`,
  export: (from, to, name) => `export { value as ${name} } from '${specifier(from, to)}';`,
  'export type *': (from, to) => `export type * from '${specifier(from, to)}';`,
  'import()': (from, to, name) => `export const ${name} = await import('${specifier(from, to)}');`,
  'import() of a type': (from, to, name) => `export type ${name} = import('${specifier(from, to)}').Type;`,
};
const PACKAGES = ['node:fs', 'zod', 'undici', '@temporalio/client'];

interface Probe {
  readonly form: string;
  readonly text: string;
  /** What the refusal says; undefined: the import is allowed. */
  readonly refusal: string | undefined;
}

/** A line for each import that a file of the layer could have: of each other layer in each form, and of packages. */
function probesOf(layer: Layer): readonly Probe[] {
  const from = fileOf(layer);
  const others = LAYERS.filter((other) => other !== layer).flatMap((other, index) =>
    Object.entries(FORMS).map(([form, write], variant) => ({
      form,
      text: write(from, fileOf(other), `name${index}_${variant}`),
      refusal: layer.imports.includes(other.path) ? undefined : `${layer.path} may not import ${other.path}`,
    })),
  );
  const packages = [...PACKAGES, ...(layer.packages ?? [])].map((name) => ({
    form: 'package',
    text: `import '${name}';`,
    refusal: (layer.packages?.includes(name) ?? true) ? undefined : `${layer.path} may not import the package ${name}`,
  }));
  return [...others, ...packages];
}

describe('import layers', () => {
  let folder: string;
  let refusals: readonly Refusal[];
  const messagesAt = (at: string, rule = LAYER_RULE): readonly string[] =>
    refusals.filter((refusal) => refusal.rule === rule && refusal.at === at).map(({ message }) => message);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'certman-layers-'));
    await cp(join(ROOT, '.oxlintrc.json'), join(folder, '.oxlintrc.json'));
    await cp(join(ROOT, 'lint'), join(folder, 'lint'), { recursive: true });
    const write = async (file: string, lines: readonly string[]): Promise<void> => {
      await mkdir(dirname(join(folder, file)), { recursive: true });
      await writeFile(join(folder, file), `${lines.join('\n')}\n`);
    };
    for (const layer of LAYERS) {
      const probes = probesOf(layer).map(({ text }) => text);
      await write(fileOf(layer), [...probes, 'export const value = 1;', 'export type Type = 1;']);
    }
    await write('src/failures/circle-a.ts', ["import type { B } from './circle-b.ts';", 'export type A = B;']);
    await write('src/failures/circle-b.ts', ["export type { A } from './circle-a.ts';", 'export type B = 1;']);
    await write('src/unlisted/file.ts', ['export type Type = 1;']);
    await write('src/failures/stray.ts', ["export type { Type } from '../unlisted/file.ts';"]);
    refusals = await lint(folder);
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each(LAYERS.map((layer) => [layer.path, layer] as const))('%s: only what the table lists', (_, layer) => {
    const probes = probesOf(layer);
    expect(
      probes.filter(({ form, refusal }) => form === 'import type, roundabout' && refusal !== undefined),
    ).not.toEqual([]);
    const wrong = probes.flatMap(({ form, text, refusal }, index) => {
      const messages = messagesAt(`${fileOf(layer)}:${index + 1}`);
      const right = refusal === undefined ? messages.length === 0 : messages.some((one) => one.includes(refusal));
      return right ? [] : [{ form, text, refusal, messages }];
    });
    expect(wrong).toEqual([]);
  });

  it('refuses a circle of two files that import types only', () => {
    expect(messagesAt('src/failures/circle-a.ts:1', CIRCLE_RULE)).toHaveLength(1);
    expect(messagesAt('src/failures/circle-b.ts:1', CIRCLE_RULE)).toHaveLength(1);
  });

  it('refuses a file outside every layer, and an import of it', () => {
    const expected = [expect.stringContaining('src/unlisted/file.ts belongs to no layer')];
    expect(messagesAt('src/unlisted/file.ts:1')).toEqual(expected);
    expect(messagesAt('src/failures/stray.ts:1')).toEqual(expected);
  });

  it('has a table without circles: a layer imports only layers above it', () => {
    const paths = LAYERS.map(({ path }) => path);
    const upward = LAYERS.flatMap(({ path, imports }, index) =>
      imports.filter((other) => !paths.slice(0, index).includes(other)).map((other) => `${path} → ${other}`),
    );
    expect(upward).toEqual([]);
  });

  it('lists folders and files that exist', () => {
    expect(LAYERS.filter(({ path }) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it('finds nothing in the tree', async () => {
    expect(await lint(ROOT)).toEqual([]);
  });

  it.each(EXCEPTIONS)('still needs the exception for $file', async ({ file, imports }) => {
    const text = await readFile(join(ROOT, file), 'utf8');
    const imported = [...text.matchAll(/from '(\.[^']+)'/g)].map(([, path = '']) =>
      normalize(join(dirname(file), path)),
    );
    expect(imported).toContain(imports);
    expect(layerOf(file)?.imports).not.toContain(layerOf(imports)?.path);
  });
});
