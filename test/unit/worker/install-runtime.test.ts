import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Runtime } from '@temporalio/worker';
import { afterAll, expect, test } from 'vitest';
import type { Configuration } from '../../../src/configuration/load-configuration.ts';
import { createLogger } from '../../../src/observability/logging.ts';
import { installRuntime } from '../../../src/worker/install-runtime.ts';

afterAll(() => Runtime.instance().shutdown());

test("nothing of a message that is not written is kept by the SDK's collector", () => {
  const settings = { logLevel: 'info', logFormat: 'json' } as const;
  const logger = createLogger(settings, { write: () => undefined });
  installRuntime({ ...settings, sdkMetricsAddress: 'off' } as Configuration, logger);
  const read: string[] = [];
  for (const level of ['trace', 'info'] as const)
    Runtime.instance().logger[level]('an activation', {
      get jobs() {
        return read.push(level);
      },
    });
  expect(read).toEqual(['info']);
});

test('the last records of a process that exits are written', async () => {
  const source = (path: string): string => JSON.stringify(import.meta.resolve(`../../../src/${path}`));
  const program = `
    import { Runtime } from '@temporalio/worker';
    import { createLogger } from ${source('observability/logging.ts')};
    import { installRuntime } from ${source('worker/install-runtime.ts')};
    const settings = { logLevel: 'info', logFormat: 'json' };
    installRuntime({ ...settings, sdkMetricsAddress: 'off' }, createLogger(settings));
    Runtime.instance().logger.warn('the last words');
    process.exit(3);`;
  const ended = promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program]);
  const expected = { code: 3, stdout: expect.stringContaining('the last words') as string };
  await expect(ended).rejects.toMatchObject(expected);
});
