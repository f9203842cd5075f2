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
