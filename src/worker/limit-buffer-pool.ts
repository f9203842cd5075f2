/** The default of Node.js 20. A Buffer of more than half of it is no part of a pool. */
const POOL_BYTES = 8_192;

/**
 * Has small Buffers share 8 KiB of memory instead of 64 KiB, which are freed with the last of them: the Temporal SDK keeps
 * the last completion of each cached workflow. Source: https://nodejs.org/api/buffer.html#bufferpoolsize.
 */
export function limitBufferPool(): void {
  Buffer.poolSize = POOL_BYTES;
}
