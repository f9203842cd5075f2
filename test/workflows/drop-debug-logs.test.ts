/** What a workflow reports to the worker beside its commands crosses threads, with a copy of all that is known of the workflow. */
import type { SinkCall } from '@temporalio/workflow';
import { expect, test } from 'vitest';
import { TemporalWorker } from '../../src/worker/temporal-worker.ts';
import { NEWEST_SHAPE, recordedHistories } from '../support/replay/recorded-histories.ts';
import { installQuietRuntime } from '../support/temporal/quiet-runtime.ts';
import { workflowBundle } from '../support/temporal/workflow-bundle.ts';

const received = new Set<string>();

class ListeningWorker extends TemporalWorker {
  protected override async processSinkCalls(calls: SinkCall[], attributes: Record<string, unknown>): Promise<void> {
    for (const { ifaceName, fnName } of calls) received.add(`${ifaceName}.${fnName}`);
    await super.processSinkCalls(calls, attributes);
  }
}

/** What the workflows of a scenario report. */
async function reportedIn(name: string): Promise<ReadonlySet<string>> {
  installQuietRuntime();
  received.clear();
  const histories = (await recordedHistories(NEWEST_SHAPE)).filter(({ scenario }) => scenario === name);
  const code = { workflowBundle: workflowBundle(), debugMode: false };
  const errors: unknown[] = [];
  for await (const { error } of ListeningWorker.runReplayHistories(code, histories)) errors.push(error);
  expect(errors).toEqual([undefined, undefined]);
  return received;
}

test('the start and the end of a workflow are no records for the log', async () => {
  expect(await reportedIn('issued')).toEqual(new Set());
});

test('what a workflow says at other levels is', async () => {
  const levels = new Set(['__temporal_logger.info', '__temporal_logger.warn']);
  expect(await reportedIn('turn-given-up-by-claim')).toEqual(levels);
});
