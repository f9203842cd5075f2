/** What /healthz and /readyz say of a worker. */
import type { NativeConnection, Worker } from '@temporalio/worker';
import type { ObservedProcess, Verdict } from '../observability/http-server.ts';

/** How long one answer of Temporal stands for the next questions. */
const KEEP_MS = 3_000;
const LONGEST_CHECK_MS = 1_500;

/** The worker's way from start to end, told by the worker, asked by the probes. */
export class WorkerProgress implements ObservedProcess {
  #waitingFor: string | undefined = 'The worker is starting.';
  #worker: Worker | undefined;
  #connection: NativeConnection | undefined;
  #checked: { readonly at: number; readonly verdict: Promise<Verdict> } | undefined;

  /** Still on the way, and why. */
  waiting(reason: string): void {
    this.#waitingFor = reason;
  }

  running(worker: Worker, connection: NativeConnection): void {
    this.#waitingFor = undefined;
    this.#worker = worker;
    this.#connection = connection;
  }

  healthy(): Verdict {
    return this.#worker?.getState() === 'FAILED'
      ? { ok: false, reason: 'The worker has failed; its log says why.' }
      : { ok: true };
  }

  async ready(): Promise<Verdict> {
    if (this.#worker === undefined || this.#waitingFor !== undefined) {
      return { ok: false, reason: this.#waitingFor ?? 'The worker is starting.' };
    }
    const { runState, workflowPollerState, activityPollerState } = this.#worker.getStatus();
    if (runState !== 'RUNNING') return { ok: false, reason: `The worker is ${runState}, not RUNNING.` };
    if (workflowPollerState !== 'POLLING')
      return { ok: false, reason: `The workflow poller is ${workflowPollerState}.` };
    if (activityPollerState !== 'POLLING')
      return { ok: false, reason: `The activity poller is ${activityPollerState}.` };
    const now = performance.now();
    if (this.#checked === undefined || now - this.#checked.at > KEEP_MS) {
      this.#checked = { at: now, verdict: askTemporal(this.#connection) };
    }
    return await this.#checked.verdict;
  }
}

async function askTemporal(connection: NativeConnection | undefined): Promise<Verdict> {
  if (connection === undefined) return { ok: false, reason: 'There is no connection to Temporal.' };
  try {
    await connection.withDeadline(Date.now() + LONGEST_CHECK_MS, () => connection.workflowService.getSystemInfo({}));
    return { ok: true };
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'unknown error';
    return { ok: false, reason: `Temporal does not answer: ${reason.slice(0, 200)}` };
  }
}
