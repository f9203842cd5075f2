/** The modules of the workflows are evaluated once for all workflows of a worker: state in one would be shared by all. */
import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { workflowBundle } from '../support/temporal/workflow-bundle.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A variable, an empty collection to be filled, a static field: at the start of a line, or of a class. */
const STATE =
  /^(?:export )?(?:let|var)\b|^(?:export )?const .* = (?:new (?:Weak)?(?:Map|Set)(?:<.*>)?\(\)|\[\]|\{\});|^ {2}static (?!readonly\b|async\b|#?\w+\()/;

/** Paths of certman's own sources in the bundle, by its source map. */
async function bundledSources(): Promise<readonly string[]> {
  const code = await readFile(workflowBundle().codePath, 'utf8');
  const encoded = code.slice(code.lastIndexOf('base64,') + 'base64,'.length).trim();
  const { sources } = JSON.parse(Buffer.from(encoded, 'base64').toString()) as { readonly sources: readonly string[] };
  return sources
    .map((source) => source.replace(/^webpack:\/\/[^/]*\//, '/'))
    .map((source) => (source.startsWith(ROOT) ? relative(ROOT, source) : source.replace(/^\/\.?\/?/, '')))
    .filter((source) => /^(?:workflows|src)\/.*\.ts$/.test(source));
}

test('no module of the workflows has state', async () => {
  const sources = await bundledSources();
  expect(sources).toContain('workflows/cluster-certificates.ts');
  expect(sources).toContain('src/clusters/gate.ts');
  const found = await Promise.all(
    sources.map(async (source) => {
      const lines = (await readFile(join(ROOT, source), 'utf8')).split('\n');
      return lines.filter((line) => STATE.test(line)).map((line) => `${source}: ${line}`);
    }),
  );
  expect(found.flat()).toEqual([]);
});

test.each([
  'let count = 0;',
  'export const seen = new Map<string, number>();',
  'const queue: string[] = [];',
  '  static instances = 0;',
])('`%s` counts as state', (line) => {
  expect(line).toMatch(STATE);
});
