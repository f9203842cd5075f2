import { afterAll, expect, test } from 'vitest';
import { endProcesses, expectExit, startNode } from '../../support/process/certman-process.ts';

afterAll(endProcesses);

const SCRIPT = `process.stderr.write('waiting\\n'); process.stdout.write('{"a":1}\\n'); process.exitCode = 3;`;

test('the result of a command is apart from its notes', async () => {
  const command = await startNode(['-e', SCRIPT], {});
  expect(await expectExit(command.result(), 3)).toMatchObject({ stdout: '{"a":1}\n', output: '{"a":1}\nwaiting\n' });
});

test('a command that exits otherwise than expected shows what it was and wrote', async () => {
  const command = await startNode(['-e', SCRIPT], {});
  await expect(expectExit(command.result())).rejects.toThrow(/^-e .*: code 3, not code 0:\n\{"a":1\}\nwaiting\n$/s);
});
