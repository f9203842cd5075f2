import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { DEPLOYED_NODE_FLAGS } from '../../../local/stack/worker-process.ts';
import { WAIT_TIMEOUT_MS } from '../../support/vitest/timeouts.ts';

const PROGRAM = fileURLToPath(new URL('../../support/worker/idle-process.ts', import.meta.url));
/** Instead of eight seconds after the last collection. */
const SOON = '--gc-memory-reducer-start-delay-ms=100';

test('V8 finds out that a worker is at rest, and then returns the pages that it keeps', async () => {
  const flags = [...DEPLOYED_NODE_FLAGS, '--trace-gc', '--trace-memory-reducer', SOON];
  const child = spawn(process.execPath, [...flags, PROGRAM], { stdio: ['ignore', 'pipe', 'inherit'] });
  const timeout = AbortSignal.timeout(WAIT_TIMEOUT_MS);
  const ended = once(child, 'exit');
  const seen: string[] = [];
  try {
    for await (const line of createInterface({ input: child.stdout, signal: timeout })) {
      if (/Memory reducer|\(reduce\)/.test(line)) seen.push(line);
      if (line.includes('Mark-Compact (reduce)')) break;
    }
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
  // Not by its watchdog, which waits until no collection has run for 100 seconds.
  expect(seen.join('\n')).toMatch(/low alloc[^]*started GC[^]*Mark-Compact \(reduce\).*pooled: 0 MB/);
});
