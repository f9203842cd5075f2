import { afterEach, expect, test } from 'vitest';
import { limitBufferPool } from '../../../src/worker/limit-buffer-pool.ts';

const { poolSize } = Buffer;
const SMALL = 2_000;

afterEach(() => {
  Buffer.poolSize = poolSize;
});

test('a small Buffer that is kept holds 8 KiB in memory, not the 64 KiB of the default of Node.js 24', () => {
  limitBufferPool();
  const useUpPool = (): unknown => Array.from({ length: poolSize / SMALL }, () => Buffer.allocUnsafe(SMALL));
  useUpPool();
  expect(Buffer.allocUnsafe(SMALL).buffer.byteLength).toBe(8_192);
});
