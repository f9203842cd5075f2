import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const PROGRAM = fileURLToPath(new URL('../../support/controller/cache-memory.ts', import.meta.url));
/** Measured: 3,299 to 3,377, of which strings that differ from cluster to cluster are half. Node.js decides on the rest. */
const MAX_BYTES_PER_CLUSTER = 3_800;

test('what the controller caches of a cluster with two certificates is small', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', PROGRAM, '4000']);
  expect(Number(stdout)).toBeGreaterThan(1_000);
  expect(Number(stdout)).toBeLessThan(MAX_BYTES_PER_CLUSTER);
});
