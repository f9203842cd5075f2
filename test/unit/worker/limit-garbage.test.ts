import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { heapGrowingPercent } from '../../../src/worker/limit-garbage.ts';
import { TEST_TIMEOUT_MS } from '../../support/vitest/timeouts.ts';

const PROGRAM = fileURLToPath(new URL('../../support/worker/garbage-process.ts', import.meta.url));
const MIB = 1024 * 1024;

describe('limitGarbage', () => {
  test.for([
    [10, 100],
    [66, 97],
    [100, 64],
    [160, 40],
    [2_000, 20],
  ] as const)('lets a heap with %i MiB in use grow by %i %%', ([used, percent]) => {
    expect(heapGrowingPercent(used * MIB)).toBe(percent);
  });

  test.for([
    [768, 64],
    [384, 32],
    [256, 21],
  ] as const)('in a container of %i MiB, lets a heap with 100 MiB in use grow by %i %%', ([limit, percent]) => {
    expect(heapGrowingPercent(100 * MIB, limit * MIB)).toBe(percent);
  });

  test('V8 collects earlier once it is called', async () => {
    const flags = ['--expose-gc', '--heap-growing-percent=1000', '--max-semi-space-size=1'];
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, PROGRAM], { timeout: TEST_TIMEOUT_MS });
    const { free, limited } = JSON.parse(stdout) as { readonly free: number; readonly limited: number };
    expect(limited).toBeGreaterThan(2 * free);
  });
});
