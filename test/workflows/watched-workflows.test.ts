import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Worker as Thread } from 'node:worker_threads';
import type { NativeConnection } from '@temporalio/worker';
import { expect, it } from 'vitest';
import { TemporalWorker } from '../../src/worker/temporal-worker.ts';
import { historyFromJson } from '../support/temporal/history-json.ts';
import { installQuietRuntime } from '../support/temporal/quiet-runtime.ts';

const workflowsPath = fileURLToPath(new URL('../support/workflows/endless-workflow.ts', import.meta.url));

class ImpatientWorker extends TemporalWorker {
  protected static override readonly checkIntervalMs = 1_000;
}

/** Of a run that has completed its first task without a command. */
function historyOf(type: string, runId: string) {
  const eventTime = '2026-11-30T00:00:00Z';
  const taskQueue = { name: 'test', kind: 'TASK_QUEUE_KIND_NORMAL' };
  const history = historyFromJson({
    events: [
      {
        eventId: '1',
        eventTime,
        eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_STARTED',
        workflowExecutionStartedEventAttributes: {
          workflowType: { name: type },
          taskQueue,
          originalExecutionRunId: runId,
          firstExecutionRunId: runId,
          workflowId: type,
          workflowTaskTimeout: '10s',
          attempt: 1,
        },
      },
      {
        eventId: '2',
        eventTime,
        eventType: 'EVENT_TYPE_WORKFLOW_TASK_SCHEDULED',
        workflowTaskScheduledEventAttributes: { taskQueue, startToCloseTimeout: '10s', attempt: 1 },
      },
      {
        eventId: '3',
        eventTime,
        eventType: 'EVENT_TYPE_WORKFLOW_TASK_STARTED',
        workflowTaskStartedEventAttributes: { scheduledEventId: '2' },
      },
      {
        eventId: '4',
        eventTime,
        eventType: 'EVENT_TYPE_WORKFLOW_TASK_COMPLETED',
        workflowTaskCompletedEventAttributes: { scheduledEventId: '2', startedEventId: '3' },
      },
      {
        eventId: '5',
        eventTime,
        eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED',
        workflowExecutionCompletedEventAttributes: { workflowTaskCompletedEventId: '4' },
      },
    ],
  });
  return { workflowId: type, history };
}

it('ends the thread of a workflow that does not return, replays others in the next one, and limits that one', async () => {
  installQuietRuntime();
  const endless = historyOf('endless', '0195f7e4-0000-7000-8000-000000000001');
  const prompt = historyOf('prompt', '0195f7e4-0000-7000-8000-000000000002');
  const errors: (string | undefined)[] = [];
  // In a thread, as a worker runs them.
  const code = { workflowsPath, debugMode: false };
  const histories = [prompt, endless, prompt, endless, prompt];
  for await (const { error } of ImpatientWorker.runReplayHistories(code, histories)) errors.push(error?.message);
  expect(errors).toEqual([
    undefined,
    expect.stringContaining('The thread of the workflows was ended'),
    undefined,
    expect.stringContaining('Script execution timed out'),
    undefined,
  ]);
});

/** As while Temporal does not answer. */
class RefusedWorker extends TemporalWorker {
  protected static override readonly nativeWorkerCtor = {
    create: () => Promise.reject(new Error('the namespace does not answer')),
  } as unknown as (typeof TemporalWorker)['nativeWorkerCtor'];
}

it('leaves no thread where the worker cannot be created', async () => {
  installQuietRuntime();
  const threads: Thread[] = [];
  const ended: Promise<unknown>[] = [];
  const onThread = (thread: Thread): void => {
    threads.push(thread);
    ended.push(once(thread, 'exit'));
  };
  process.on('worker', onThread);
  try {
    const connection = {} as NativeConnection;
    const creating = RefusedWorker.create({ workflowsPath, taskQueue: 'test', connection });
    await expect(creating).rejects.toThrow('the namespace does not answer');
    expect(threads).toHaveLength(1);
    await Promise.all(ended);
  } finally {
    process.off('worker', onThread);
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
});
