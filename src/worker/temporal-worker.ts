import { type CompiledWorkerOptions, type Logger, Worker } from '@temporalio/worker';
import type { WorkflowCreator } from '@temporalio/worker/lib/workflow/interface.js';
import type { WorkflowBundleWithSourceMapAndFilename } from '@temporalio/worker/lib/workflow/workflow-worker-thread/input.js';
import { endThreads, withStartedThreads } from './started-threads.ts';
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

async function startThread(start: () => Promise<WorkflowCreator>): Promise<WorkflowThread> {
  const { result: creator, threads } = await withStartedThreads(start);
  return { creator, terminate: () => endThreads(threads) };
}
