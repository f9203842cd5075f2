/** The results of /healthz and /readyz for a worker. */
import type { NativeConnection, Worker } from '@temporalio/worker';
import type { ProbedProcess, ProbeResult } from '../observability/http-server.ts';

/** How long one check of Temporal is reused. */
const RESULT_TTL_MS = 3_000;
const CHECK_TIMEOUT_MS = 1_500;

/** The worker reports its state here; the probes read it. */
export class WorkerHealth implements ProbedProcess {
  #notReady: string | undefined = 'The worker is starting.';
  #worker: Worker | undefined;
  #connection: NativeConnection | undefined;
  #check: { readonly at: number; readonly result: Promise<ProbeResult> } | undefined;

  /** The worker starts or shuts down, with the reason for /readyz. */
  notReady(reason: string): void {
    this.#notReady = reason;
  }

  /** The worker is polling. */
  running(worker: Worker, connection: NativeConnection): void {
    this.#notReady = undefined;
    this.#worker = worker;
    this.#connection = connection;
  }

  healthy(): ProbeResult {
    return this.#worker?.getState() === 'FAILED'
      ? { ok: false, reason: 'The worker has failed; its log says why.' }
      : { ok: true };
  }

  async ready(): Promise<ProbeResult> {
    if (this.#worker === undefined || this.#notReady !== undefined) {
      return { ok: false, reason: this.#notReady ?? 'The worker is starting.' };
    }
    const { runState, workflowPollerState, activityPollerState } = this.#worker.getStatus();
    if (runState !== 'RUNNING') return { ok: false, reason: `The worker is ${runState}, not RUNNING.` };
    if (workflowPollerState !== 'POLLING')
      return { ok: false, reason: `The workflow poller is ${workflowPollerState}.` };
    if (activityPollerState !== 'POLLING')
      return { ok: false, reason: `The activity poller is ${activityPollerState}.` };
    const now = performance.now();
    if (this.#check === undefined || now - this.#check.at > RESULT_TTL_MS) {
      this.#check = { at: now, result: checkTemporal(this.#connection) };
    }
    return await this.#check.result;
  }
}

async function checkTemporal(connection: NativeConnection | undefined): Promise<ProbeResult> {
  if (connection === undefined) return { ok: false, reason: 'There is no connection to Temporal.' };
  try {
    await connection.withDeadline(Date.now() + CHECK_TIMEOUT_MS, () => connection.workflowService.getSystemInfo({}));
    return { ok: true };
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'unknown error';
    return { ok: false, reason: `Temporal does not respond: ${reason.slice(0, 200)}` };
  }
}
