import type { Client, ConnectionLike } from '@temporalio/client';
import { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import type { Configuration } from '../../../src/configuration/load-configuration.ts';
import { ensureWatchWorkflow } from '../../../src/worker/ensure-watch-workflow.ts';

// The two minutes between checks.
vi.mock('node:timers/promises', async (original) => ({
  ...(await original<object>()),
  setTimeout: () => Promise.resolve(),
}));

const cluster = { managementCluster: 'hive', temporal: { namespace: 'certman' } } as unknown as Configuration;

test('a worker that is stopped does not wait for a check that Temporal does not answer', async () => {
  const asked = Promise.withResolvers<void>();
  const connection = {
    withDeadline: (_deadline: number, ask: () => unknown) => ask(),
    operatorService: {
      listSearchAttributes: () => {
        asked.resolve();
        return Promise.withResolvers<never>().promise;
      },
    },
  } as unknown as ConnectionLike;
  const stop = new AbortController();
  const watch = ensureWatchWorkflow({} as Client, connection, cluster, 'uid', pino({ level: 'silent' }), stop.signal);
  await asked.promise;
  stop.abort(new Error('stopped'));
  expect(await watch).toBeUndefined();
});
