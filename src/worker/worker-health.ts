/** What /healthz and /readyz say of a worker. */
import type { NativeConnection, Worker } from '@temporalio/worker';
import type { ProbedProcess, ProbeResult } from '../observability/http-server.ts';

/** How long one answer of Temporal stands for the next questions. */
const RESULT_TTL_MS = 3_000;
const CHECK_TIMEOUT_MS = 1_500;

/** The worker's way from start to end, told by the worker, asked by the probes. */
export class WorkerHealth implements ProbedProcess {
  #waitingFor: string | undefined = 'The worker is starting.';
  #worker: Worker | undefined;
  #connection: NativeConnection | undefined;
  #checked: { readonly at: number; readonly verdict: Promise<ProbeResult> } | undefined;

  /** Still on the way, and why. */
  notReady(reason: string): void {
    this.#waitingFor = reason;
  }

  running(worker: Worker, connection: NativeConnection): void {
    this.#waitingFor = undefined;
    this.#worker = worker;
    this.#connection = connection;
  }

  healthy(): ProbeResult {
    return this.#worker?.getState() === 'FAILED'
      ? { ok: false, reason: 'The worker has failed; its log says why.' }
      : { ok: true };
  }

  async ready(): Promise<ProbeResult> {
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
    if (this.#checked === undefined || now - this.#checked.at > RESULT_TTL_MS) {
      this.#checked = { at: now, verdict: checkTemporal(this.#connection) };
    }
    return await this.#checked.verdict;
  }
}

async function checkTemporal(connection: NativeConnection | undefined): Promise<ProbeResult> {
  if (connection === undefined) return { ok: false, reason: 'There is no connection to Temporal.' };
  try {
    await connection.withDeadline(Date.now() + CHECK_TIMEOUT_MS, () => connection.workflowService.getSystemInfo({}));
    return { ok: true };
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'unknown error';
    return { ok: false, reason: `Temporal does not answer: ${reason.slice(0, 200)}` };
  }
}
