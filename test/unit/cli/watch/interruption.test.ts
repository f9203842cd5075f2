import { afterAll, expect, test } from 'vitest';
import { endProcesses, expectExit, startNode } from '../../../support/process/certman-process.ts';

afterAll(endProcesses);

const MODULE = new URL('../../../../src/cli/watch/interruption.ts', import.meta.url);
/** The interval stands for a request that is not answered. */
const SCRIPT = `
  import { untilInterrupted } from '${MODULE.href}';
  setInterval(() => undefined, 1_000);
  await untilInterrupted((signal) => new Promise((resolve) => {
    signal.addEventListener('abort', resolve);
    process.stdout.write('watching\\n');
  }));
  process.stdout.write('the last\\n');
`;

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s ends the process with %i, whatever is under way', async (signal, code) => {
  const command = await startNode(['--input-type=module', '-e', SCRIPT], {});
  await command.waitForOutput(/watching/);
  command.signal(signal);
  const { stdout } = await expectExit(command.result(), code);
  expect(stdout).toBe('watching\nthe last\n');
});
