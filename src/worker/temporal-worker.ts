import { AsyncLocalStorage } from 'node:async_hooks';
import { type CompiledWorkerOptions, type Logger, Worker, type WorkerOptions } from '@temporalio/worker';
import type { WorkflowCreator } from '@temporalio/worker/lib/workflow/interface.js';
import type { WorkflowBundleWithSourceMapAndFilename } from '@temporalio/worker/lib/workflow/workflow-worker-thread/input.js';
import { cpuMsOf, endThreads, withStartedThreads } from './started-threads.ts';
import { WatchedWorkflowCreator, type WorkflowThread } from './watched-workflows.ts';

const SOURCE_MAP = '//# sourceMappingURL=';

/** Of the worker that is being created. */
const startedCreators = new AsyncLocalStorage<WorkflowCreator[]>();
const creatorsToShare = new AsyncLocalStorage<WatchedWorkflowCreator>();

/** The SDK's worker, with workflows that are watched as {@link WatchedWorkflowCreator} says. */
export class TemporalWorker extends Worker {
  /** Default: that of {@link WatchedWorkflowCreator}. */
  protected static readonly checkIntervalMs: number | undefined;

  /**
   * As the SDK's, but leaves no thread where it fails, as while Temporal does not answer: it would keep the process alive, and
   * each attempt would leave one.
   */
  static override async create(options: WorkerOptions): Promise<Worker> {
    const started: WorkflowCreator[] = [];
    try {
      return await startedCreators.run(started, () => super.create(options));
    } catch (error) {
      await Promise.allSettled(started.map((creator) => creator.destroy()));
      throw error;
    }
  }

  /**
   * A worker whose workflows run in the thread of another one, instead of one of its own, which takes some 20 MiB. The thread
   * ends with the last of both.
   * @param options those of `other` for the code of the workflows, `patchActivationCallback` included.
   */
  static async createBeside(other: Worker, options: WorkerOptions): Promise<Worker> {
    const creator = other instanceof TemporalWorker ? other.workflowCreator : undefined;
    if (!(creator instanceof WatchedWorkflowCreator)) return await this.create(options);
    return await creatorsToShare.run(creator, () => this.create(options));
  }

  protected static override async createWorkflowCreator(
    bundle: WorkflowBundleWithSourceMapAndFilename,
    options: CompiledWorkerOptions,
    logger: Logger,
  ): Promise<WorkflowCreator> {
    // Without a thread of its own, as the SDK replays histories.
    if (options.debugMode) return await super.createWorkflowCreator(bundle, options, logger);
    const shared = creatorsToShare.getStore()?.share();
    if (shared !== undefined) {
      startedCreators.getStore()?.push(shared);
      return shared;
    }
    const code = withoutSourceMap(bundle);
    const start = (): Promise<WorkflowCreator> => super.createWorkflowCreator(code, options, logger);
    // Node's `vm` has no limit where it is undefined. The type of the SDK's options has no such value.
    const unlimited = { ...options, isolateExecutionTimeoutMs: undefined as unknown as number };
    const creator = await WatchedWorkflowCreator.start({
      checkIntervalMs: this.checkIntervalMs,
      startLimited: start,
      startUnlimited: () => startThread(() => super.createWorkflowCreator(code, unlimited, logger)),
      onStuck: (workflows) =>
        logger.error('A workflow did not return: its thread was ended, and these run with a limit from now on', {
          workflows: workflows.map(({ workflowId, runId }) => `${workflowId} ${runId}`),
        }),
    });
    startedCreators.getStore()?.push(creator);
    return creator;
  }
}

async function startThread(start: () => Promise<WorkflowCreator>): Promise<WorkflowThread> {
  const { result: creator, threads } = await withStartedThreads(start);
  return { creator, terminate: () => endThreads(threads), cpuMs: () => cpuMsOf(threads) };
}

/**
 * For stack traces alone, of which workflows in a thread take none (disable-stack-traces.ts). The text would stay in both
 * threads, and once more in V8; the positions too, in both.
 */
function withoutSourceMap({
  code,
  sourceMap,
  filename,
}: WorkflowBundleWithSourceMapAndFilename): WorkflowBundleWithSourceMapAndFilename {
  const end = code.lastIndexOf(SOURCE_MAP);
  return {
    // A slice would keep the whole text.
    code: end === -1 ? code : Buffer.from(code.slice(0, end)).toString(),
    sourceMap: { ...sourceMap, mappings: '', names: [] },
    filename,
  };
}
