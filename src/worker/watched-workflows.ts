import { UnexpectedError } from '@temporalio/worker';
import type { Workflow, WorkflowCreateOptions, WorkflowCreator } from '@temporalio/worker/lib/workflow/interface.js';
import type { SinkCall, WorkflowInfo } from '@temporalio/workflow';
import { LRUCache } from 'lru-cache';
import { maxEntries } from '../cache/max-entries.ts';

/**
 * Silent checks of a thread that has work before it counts as stuck: not one look at a clock, since a process can be stopped.
 * Since a thread can wait for a core as well, it must also have run for half of that time.
 */
const MAX_SILENT_CHECKS = 5;
/** The same of a thread that runs less: it may wait for something that does not come. */
const MAX_SILENT_CHECKS_WITHOUT_CPU = 60;
/** The same at the end of the worker, when no thread has work that anything waits for. */
const MAX_SILENT_CHECKS_AT_END = 1;
/** Five of them are the time-out of a workflow task, after which the server gives it to another worker. */
const CHECK_INTERVAL_MS = 2_000;
/** Runs that were under way in a thread that was stuck. */
const MAX_SUSPECTS = 1_000;

/** A thread that runs workflows, and how it is ended whatever it does. */
export interface WorkflowThread {
  readonly creator: WorkflowCreator;
  readonly terminate: () => Promise<unknown>;
  /** CPU time since it has started, in milliseconds; pending while the thread gets no core. Rejects once it has ended. */
  readonly cpuMs: () => Promise<number>;
}

/** How the threads of workflows are started. */
export interface WorkflowThreads {
  /** Without a limit on what each call into a workflow takes. */
  readonly startUnlimited: () => Promise<WorkflowThread>;
  /** With the SDK's, which costs each call 0.1 ms. */
  readonly startLimited: () => Promise<WorkflowCreator>;
  /** Receives what the stuck thread had under way: one of these does not return. */
  readonly onStuck: (workflows: readonly Pick<WorkflowInfo, 'workflowId' | 'runId' | 'workflowType'>[]) => void;
  /** Default 2 s. */
  readonly checkIntervalMs?: number | undefined;
}

/**
 * Runs workflows in a thread without the SDK's limit of 5 s for each call into a workflow: Node.js starts a thread for each
 * limit. The thread as a whole is watched instead. One that is stuck is ended and replaced: its workflows fail their next
 * task, and are replayed; those that were under way then run with the SDK's limit, which ends the one that does not return.
 */
export class WatchedWorkflowCreator implements WorkflowCreator {
  readonly #threads: WorkflowThreads;
  readonly #suspects = new LRUCache<string, true>(maxEntries(MAX_SUSPECTS));
  #current: Promise<WatchedThread>;
  #limited: Promise<WorkflowCreator> | undefined;
  #users = 1;
  #isDestroyed = false;

  private constructor(threads: WorkflowThreads, first: WorkflowThread) {
    this.#threads = threads;
    this.#current = Promise.resolve(this.#watch(first));
  }

  /** Starts the first thread. @throws what the SDK throws when the code of the workflows cannot be loaded. */
  static async start(threads: WorkflowThreads): Promise<WatchedWorkflowCreator> {
    return new WatchedWorkflowCreator(threads, await threads.startUnlimited());
  }

  async createWorkflow(options: WorkflowCreateOptions): Promise<Workflow> {
    if (!this.#suspects.has(options.info.runId)) return await (await this.#current).createWorkflow(options);
    this.#limited ??= startAnother(this.#threads.startLimited);
    return await (await this.#limited).createWorkflow(options);
  }

  /** For one more worker, which has the same workflow code. @returns undefined once the threads have ended. */
  share(): WorkflowCreator | undefined {
    if (this.#isDestroyed) return undefined;
    this.#users += 1;
    return this;
  }

  /** Called by each worker at its end: the last one ends all threads, also those that are stuck. */
  async destroy(): Promise<void> {
    this.#users -= 1;
    if (this.#users > 0) return;
    this.#isDestroyed = true;
    // One that could not be started has nothing to end; its error has ended the worker.
    const started = await Promise.allSettled([this.#current, this.#limited]);
    const threads = started.flatMap((start) => (start.status === 'fulfilled' ? (start.value ?? []) : []));
    const ended = await Promise.allSettled(threads.map((thread) => thread.destroy()));
    for (const end of ended) if (end.status === 'rejected') throw end.reason;
  }

  #watch(thread: WorkflowThread): WatchedThread {
    return new WatchedThread(thread, this.#threads.checkIntervalMs ?? CHECK_INTERVAL_MS, (underWay) => {
      for (const { runId } of underWay) this.#suspects.set(runId, true);
      this.#threads.onStuck(underWay);
      if (this.#isDestroyed) return;
      this.#current = startAnother(async () => this.#watch(await this.#threads.startUnlimited()));
      // The next workflow to be created has its error.
      this.#current.catch(() => undefined);
    });
  }
}

/** @throws UnexpectedError, which ends the worker: it could run no workflow any more. */
async function startAnother<Started>(start: () => Promise<Started>): Promise<Started> {
  try {
    return await start();
  } catch (cause) {
    throw new UnexpectedError('No thread can be started for the workflows, in place of one that was stuck', cause);
  }
}

/** Since the thread has last answered. */
interface Silence {
  checks: number;
  /** CPU time of the thread at the first check that it has replied to, in milliseconds. */
  cpuMsBefore?: number;
  /** CPU time after that, in milliseconds. */
  cpuMs: number;
}

class WatchedThread {
  readonly #thread: WorkflowThread;
  readonly #checkIntervalMs: number;
  readonly #onStuck: (underWay: readonly WorkflowInfo[]) => void;
  /** By request, in the order in which the thread takes them. */
  readonly #underWay = new Map<object, WorkflowInfo | undefined>();
  #checks: NodeJS.Timeout | undefined;
  #silence: Silence = { checks: 0, cpuMs: 0 };
  #isEnding = false;
  #isLost = false;

  constructor(thread: WorkflowThread, checkIntervalMs: number, onStuck: (underWay: readonly WorkflowInfo[]) => void) {
    this.#thread = thread;
    this.#checkIntervalMs = checkIntervalMs;
    this.#onStuck = onStuck;
  }

  async createWorkflow(options: WorkflowCreateOptions): Promise<Workflow> {
    const { info } = options;
    const workflow = await this.#request(info, () => this.#thread.creator.createWorkflow(options));
    const requestSinkCalls = (): Promise<SinkCall[]> =>
      this.#request(info, () => workflow.getAndResetSinkCalls()).catch((error: unknown) => {
        if (!this.#isLost) throw error;
        return [];
      });
    let sinkCalls: Promise<SinkCall[]> | undefined;
    return {
      activate: (activation) => {
        const completion = this.#request(info, () => workflow.activate(activation));
        sinkCalls = requestSinkCalls();
        sinkCalls.catch(() => undefined);
        return completion;
      },
      getAndResetSinkCalls: async () => {
        const requested = sinkCalls ?? requestSinkCalls();
        sinkCalls = undefined;
        return await requested;
      },
      dispose: () => this.#request(info, () => workflow.dispose()).catch(() => undefined),
    };
  }

  /** Ends the thread within two checks, also one that is stuck. */
  async destroy(): Promise<void> {
    this.#isEnding = true;
    this.#silence = { checks: 0, cpuMs: 0 };
    await this.#request(undefined, () => this.#thread.creator.destroy()).catch((error: unknown) => {
      if (!this.#isLost) throw error;
    });
  }

  async #request<Result>(info: WorkflowInfo | undefined, send: () => Promise<Result>): Promise<Result> {
    if (this.#isLost) throw lostThreadError();
    const request = {};
    this.#underWay.set(request, info);
    this.#checks ??= setInterval(() => this.#check(), this.#checkIntervalMs).unref();
    try {
      return await send();
    } catch (error) {
      // The SDK's own error would end the worker.
      throw this.#isLost ? lostThreadError() : error;
    } finally {
      this.#underWay.delete(request);
      this.#silence = { checks: 0, cpuMs: 0 };
    }
  }

  #check(): void {
    const silence = this.#silence;
    silence.checks += 1;
    if (this.#underWay.size > 0 && !this.#isStuck(silence)) {
      void this.#addCpuTime(silence);
      return;
    }
    clearInterval(this.#checks);
    this.#checks = undefined;
    this.#silence = { checks: 0, cpuMs: 0 };
    if (this.#underWay.size === 0) return;
    this.#isLost = true;
    const underWay = new Map([...this.#underWay.values()].flatMap((info) => (info ? [[info.runId, info]] : [])));
    if (underWay.size > 0) this.#onStuck([...underWay.values()]);
    // Requests under way fail.
    void this.#thread.terminate();
  }

  #isStuck({ checks, cpuMs }: Silence): boolean {
    if (this.#isEnding) return checks > MAX_SILENT_CHECKS_AT_END;
    if (checks > MAX_SILENT_CHECKS_WITHOUT_CPU) return true;
    return checks > MAX_SILENT_CHECKS && cpuMs >= (MAX_SILENT_CHECKS * this.#checkIntervalMs) / 2;
  }

  async #addCpuTime(silence: Silence): Promise<void> {
    try {
      const cpuMs = await this.#thread.cpuMs();
      silence.cpuMsBefore ??= cpuMs;
      silence.cpuMs = cpuMs - silence.cpuMsBefore;
    } catch {
      // A thread that has ended fails its requests itself.
    }
  }
}

/** Fails a workflow task, which the server then gives out again. */
function lostThreadError(): Error {
  return new Error(
    'The thread of the workflows was ended because a workflow did not return. This one is replayed in another thread.',
  );
}
