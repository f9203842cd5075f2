/** The workflow code is in a worker's memory several times: as text, as code, and as its source map. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { workflowBundle } from '../support/temporal/workflow-bundle.ts';

/** Half of it is the SDK's, a tenth the model of a CA's budget, a twelfth campaigns, a thirtieth requests of operators, as much windows, and as much the checks of messages. */
const MAX_CODE_BYTES = 1_150_000;
const MAX_SOURCE_MAP_BYTES = 550_000;

test('the bundle has little code, in ASCII, with native private fields, and a source map without the sources', async () => {
  const bundle = await readFile(workflowBundle().codePath, 'utf8');
  const start = bundle.lastIndexOf('//# sourceMappingURL=');
  expect(start).toBeGreaterThan(0);
  expect(start).toBeLessThan(MAX_CODE_BYTES);
  // Another character would double the memory of the text.
  expect(/[^\0-\x7f].*/.exec(bundle)).toBeNull();
  // What a compiler makes of private fields: each is an entry of a WeakMap in every sleeping workflow.
  expect(bundle.slice(0, start)).not.toMatch(/_class_private_/);
  const map = Buffer.from(bundle.slice(bundle.indexOf('base64,', start) + 'base64,'.length), 'base64').toString();
  expect(map.length).toBeLessThan(MAX_SOURCE_MAP_BYTES);
  expect(JSON.parse(map)).not.toHaveProperty('sourcesContent');
});
