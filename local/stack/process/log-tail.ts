import { open } from 'node:fs/promises';

const TAIL_BYTES = 16_384;
const MAX_LINE_LENGTH = 1_000;

/** The last lines of a file, long ones truncated; empty when it cannot be read. */
export async function lastLines(file: string, lines = 12): Promise<readonly string[]> {
  try {
    const handle = await open(file);
    try {
      const { size } = await handle.stat();
      const length = Math.min(size, TAIL_BYTES);
      const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length);
      return buffer
        .toString('utf8')
        .split('\n')
        .filter((line) => line.trim() !== '')
        .slice(-lines)
        .map((line) => (line.length > MAX_LINE_LENGTH ? `${line.slice(0, MAX_LINE_LENGTH)}…` : line));
    } finally {
      await handle.close();
    }
  } catch {
    // The message that contains these lines reports the actual failure.
    return [];
  }
}
