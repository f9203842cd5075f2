import type { Worker as Thread } from 'node:worker_threads';
import { type CompiledWorkerOptions, type Logger, Worker } from '@temporalio/worker';
import type { WorkflowCreator } from '@temporalio/worker/lib/workflow/interface.js';
import type { WorkflowBundleWithSourceMapAndFilename } from '@temporalio/worker/lib/workflow/workflow-worker-thread/input.js';
import { WatchedWorkflowCreator, type WorkflowThread } from './watched-workflows.ts';

/** The SDK's worker, with workflows that are watched as {@link WatchedWorkflowCreator} says. */
export class TemporalWorker extends Worker {
  /** Default: that of {@link WatchedWorkflowCreator}. */
  protected static readonly checkIntervalMs: number | undefined;

  protected static override async createWorkflowCreator(
    bundle: WorkflowBundleWithSourceMapAndFilename,
    options: CompiledWorkerOptions,
    logger: Logger,
  ): Promise<WorkflowCreator> {
    const start = (): Promise<WorkflowCreator> => super.createWorkflowCreator(bundle, options, logger);
    // Without a thread of its own, as the SDK replays histories.
    if (options.debugMode) return await start();
    // Node's `vm` has no limit where it is undefined. The type of the SDK's options has no such value.
    const unlimited = { ...options, isolateExecutionTimeoutMs: undefined as unknown as number };
    return await WatchedWorkflowCreator.start({
      checkIntervalMs: this.checkIntervalMs,
      startLimited: start,
      startUnlimited: () => startThread(() => super.createWorkflowCreator(bundle, unlimited, logger)),
      onStuck: (workflows) =>
        logger.error('A workflow did not return: its thread was ended, and these run with a limit from now on', {
          workflows: workflows.map(({ workflowId, runId }) => `${workflowId} ${runId}`),
        }),
    });
  }
}

/** The SDK does not expose its thread; Node.js announces each new one on the next tick. */
async function startThread(start: () => Promise<WorkflowCreator>): Promise<WorkflowThread> {
  const threads: Thread[] = [];
  const onThread = (thread: Thread): void => void threads.push(thread);
  process.on('worker', onThread);
  const creator = start();
  creator.catch(() => undefined);
  await new Promise<void>((resolve) => process.nextTick(resolve));
  process.off('worker', onThread);
  return { creator: await creator, terminate: () => Promise.all(threads.map((thread) => thread.terminate())) };
}
