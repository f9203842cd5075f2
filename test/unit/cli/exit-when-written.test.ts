import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { TEST_TIMEOUT_MS } from '../../support/vitest/timeouts.ts';

const MODULE = new URL('../../../src/cli/exit-when-written.ts', import.meta.url).href;
/** More than a pipe takes at once. */
const LENGTH = 3_000_000;

test('a command ends once its output has arrived, also while a request waits for its repetition', async () => {
  const program = `
    import { exitWhenWritten } from '${MODULE}';
    setTimeout(() => undefined, 3_600_000);
    process.stdout.write('x'.repeat(${LENGTH}));
    process.exitCode = 7;
    await exitWhenWritten();`;
  const args = ['--input-type=module', '--eval', program];
  const options = { maxBuffer: 2 * LENGTH, timeout: TEST_TIMEOUT_MS };
  const ended = await promisify(execFile)(process.execPath, args, options).catch((error: unknown) => error);
  expect(ended).toMatchObject({ code: 7, killed: false });
  expect((ended as { readonly stdout: string }).stdout).toHaveLength(LENGTH);
});
