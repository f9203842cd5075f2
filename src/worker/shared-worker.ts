import type { Worker, WorkerOptions } from '@temporalio/worker';
import type { Configuration } from '../configuration/load-configuration.ts';
import { SHARED_TASK_QUEUE } from '../contract/ca-budget.ts';
import type { Logger } from '../observability/logging.ts';
import { settledWithin } from './settled-within.ts';
import { versioningOptions } from './worker-options.ts';

/** A namespace has one budget for each account of a CA. */
const MAX_CACHED_WORKFLOWS = 10;
const MAX_WORKFLOW_TASKS = 4;
/** Nothing waits longer for it. */
const CREATED_WITHIN_MS = 10_000;
/** Of an API server that takes a request and does not answer, the client waits three times as long. */
const KNOWN_WITHIN_MS = 10_000;

/**
 * Options of the worker of the task queue that management clusters share. Unversioned always: their deployments have
 * different names, and with versions, only the one whose version was made current last would get tasks.
 */
export function sharedWorkerOptions(configuration: Configuration, identity: string): WorkerOptions {
  const { patchActivationCallback } = versioningOptions(configuration);
  return {
    ...(patchActivationCallback === undefined ? {} : { patchActivationCallback }),
    namespace: configuration.temporal.namespace,
    taskQueue: SHARED_TASK_QUEUE,
    identity,
    maxCachedWorkflows: MAX_CACHED_WORKFLOWS,
    maxConcurrentWorkflowTaskExecutions: MAX_WORKFLOW_TASKS,
    workflowTaskPollerBehavior: { type: 'simple-maximum', maximum: 2 },
    nonStickyToStickyPollRatio: 0.5,
    shutdownGraceTime: 1_000,
  };
}

/** The worker of the shared task queue. It runs from the first use on: without a CA that has limits, it costs nothing. */
export class SharedWorker {
  readonly #logger: Logger;
  #create: (() => Promise<Worker>) | undefined;
  #created: Promise<Worker> | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Before this, a start does nothing. */
  createWith(create: () => Promise<Worker>): void {
    this.#create = create;
  }

  /**
   * Starts it unless it runs. Resolves once it does, after ten seconds, or when `signal` is aborted; never throws: without it,
   * budgets are left to other workers.
   */
  async start(signal?: AbortSignal): Promise<void> {
    if (this.#create === undefined || this.#stopped) return;
    this.#created ??= this.#create();
    const created = this.#created;
    this.#running ??= created.then((worker) => this.#run(worker)).catch((error: unknown) => this.#onFailed(error));
    await this.#createdWorker(signal);
  }

  /**
   * As {@link start}, where `isNeeded` says so within ten seconds; while its need is not known, the first use starts it. Never
   * throws.
   */
  async startIf(isNeeded: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
    const known = settledWithin(isNeeded(), KNOWN_WITHIN_MS, signal);
    if (await known.catch(() => false)) await this.start(signal);
  }

  /** Resolves once it has ended. One that is still being created after ten seconds ends as soon as it is. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const worker = await this.#createdWorker();
    if (worker === undefined) return;
    if (worker.getState() === 'RUNNING') worker.shutdown();
    await this.#running;
  }

  /** @returns undefined where there is none, or not in time: to create it, a request is sent that has no deadline. */
  async #createdWorker(signal?: AbortSignal): Promise<Worker | undefined> {
    if (this.#created === undefined) return undefined;
    return await settledWithin(this.#created, CREATED_WITHIN_MS, signal).catch(() => undefined);
  }

  async #run(worker: Worker): Promise<void> {
    const running = worker.run();
    if (this.#stopped) worker.shutdown();
    this.#logger.info({ taskQueue: SHARED_TASK_QUEUE }, 'the worker of the shared task queue is running');
    await running;
  }

  #onFailed(error: unknown): void {
    this.#created = undefined;
    this.#running = undefined;
    this.#logger.error({ error }, 'the worker of the shared task queue has failed; it starts again when it is needed');
  }
}
