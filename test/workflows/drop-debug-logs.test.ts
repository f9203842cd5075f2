/** What a workflow reports to the worker beside its commands crosses threads, with a copy of all that is known of the workflow. */
import type { SinkCall } from '@temporalio/workflow';
import { expect, test } from 'vitest';
import { TemporalWorker } from '../../src/worker/temporal-worker.ts';
import { NEWEST_SHAPE, recordedHistories } from '../support/replay/recorded-histories.ts';
import { installQuietRuntime } from '../support/temporal/quiet-runtime.ts';
import { workflowBundle } from '../support/temporal/workflow-bundle.ts';

const received: string[] = [];

class ListeningWorker extends TemporalWorker {
  protected override async processSinkCalls(calls: SinkCall[], attributes: Record<string, unknown>): Promise<void> {
    received.push(...calls.map(({ ifaceName, fnName }) => `${ifaceName}.${fnName}`));
    await super.processSinkCalls(calls, attributes);
  }
}

test('the start and the end of a workflow are no records for the log', async () => {
  installQuietRuntime();
  const issued = (await recordedHistories(NEWEST_SHAPE)).filter(({ scenario }) => scenario === 'issued');
  const code = { workflowBundle: workflowBundle(), debugMode: false };
  const errors: unknown[] = [];
  for await (const { error } of ListeningWorker.runReplayHistories(code, issued)) errors.push(error);
  expect(errors).toHaveLength(2);
  expect(errors).toEqual([undefined, undefined]);
  expect(received).toEqual([]);
});
