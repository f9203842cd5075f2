import { totalmem } from 'node:os';
import { describe, expect, it, test } from 'vitest';
import { cachedWorkflowsFor, memoryLimit } from '../../../src/worker/memory-limit.ts';

const MIB = 1024 * 1024;

describe('the memory limit', () => {
  it('is that of the control group', () => {
    expect(memoryLimit(512 * MIB)).toBe(512 * MIB);
  });

  // As Node.js gives them: 0 where it does not know, 2^64 where the control group has none.
  test.each([0, 2 ** 64, totalmem()])('is none where the control group gives %d', (constrained) => {
    expect(memoryLimit(constrained)).toBeUndefined();
  });
});

test.each([
  [undefined, 500],
  [128 * MIB, 100],
  [512 * MIB, 128],
  [768 * MIB, 192],
  [1024 * MIB, 256],
  [8192 * MIB, 500],
])('with a limit of %d bytes, %d workflows are cached', (limit, workflows) => {
  expect(cachedWorkflowsFor(limit)).toBe(workflows);
});
