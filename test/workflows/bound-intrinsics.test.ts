/** Node.js asks the sandbox of a `vm` context at each access of a global: the workflow code names those of ECMAScript once. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createContext, runInContext } from 'node:vm';
import { expect, test } from 'vitest';
import { INTRINSICS } from '../../src/worker/bind-intrinsics.ts';
import { workflowBundle } from '../support/temporal/workflow-bundle.ts';

/** How often the sandbox is asked for `Math` while code uses it a hundred times. @param bindings before that code. */
function asksForMath(bindings: string): number {
  let asks = 0;
  const sandbox = new Proxy<Record<string, unknown>>(
    {},
    {
      get: (target, name: string) => {
        if (name === 'Math') asks += 1;
        return target[name] ?? Reflect.get(globalThis, name);
      },
    },
  );
  const use = '(() => { let sum = 0; for (let at = 0; at < 100; at += 1) sum = Math.imul(sum, 3) + at; })();';
  runInContext(`${bindings}\n${use}`, createContext(sandbox));
  return asks;
}

test('the sandbox is asked once for a global that workflow code uses a hundred times', async () => {
  const [bindings = ''] = (await readFile(workflowBundle().codePath, 'utf8')).split('\n', 1);
  expect(asksForMath('')).toBeGreaterThanOrEqual(100);
  expect(asksForMath(bindings)).toBeLessThanOrEqual(2);
});

test('none is a global that the SDK replaces for workflows', async () => {
  const path = createRequire(import.meta.url).resolve('@temporalio/workflow/lib/global-overrides.js');
  const replaced = [...(await readFile(path, 'utf8')).matchAll(/^ *global\.(\w+) =/gm)].map(([, name]) => name);
  expect(replaced).toEqual(expect.arrayContaining(['Date', 'setTimeout']));
  expect(INTRINSICS.filter((name) => replaced.includes(name))).toEqual([]);
});
