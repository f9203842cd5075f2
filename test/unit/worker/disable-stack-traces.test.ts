/** In the sandbox of the workflows, V8 takes no stack traces, so that the SDK keeps none for each promise. */
import { readFileSync } from 'node:fs';
import { createContext, runInContext } from 'node:vm';
import { expect, test } from 'vitest';

const code = readFileSync(new URL('../../../src/worker/disable-stack-traces.ts', import.meta.url), 'utf8');

test('no stack trace is taken, not even an empty one', () => {
  const sandbox = createContext({});
  const stackOf = 'new Error("in a workflow").stack';
  expect(runInContext(stackOf, sandbox)).toContain('in a workflow');
  runInContext(code, sandbox);
  expect(runInContext(stackOf, sandbox)).toBeUndefined();
  expect(new Error('outside').stack).toContain('outside');
});
