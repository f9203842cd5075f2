import type { NativeConnection, Worker } from '@temporalio/worker';
import type { ProbedProcess, ProbeResult } from '../observability/http-server.ts';

const RESULT_TTL_MS = 3_000;
const CHECK_TIMEOUT_MS = 1_500;

/** The worker reports its state here; /healthz and /readyz read it. */
export class WorkerHealth implements ProbedProcess {
  #reason: string | undefined = 'The worker is starting.';
  #running: { readonly worker: Worker; readonly connection: NativeConnection } | undefined;
  #check: { readonly at: number; readonly result: Promise<ProbeResult> } | undefined;

  notReady(reason: string): void {
    this.#reason = reason;
  }

  running(worker: Worker, connection: NativeConnection): void {
    this.#reason = undefined;
    this.#running = { worker, connection };
  }

  healthy(): ProbeResult {
    if (this.#running?.worker.getState() !== 'FAILED') return { ok: true };
    return { ok: false, reason: 'The worker has failed; see its log.' };
  }

  async ready(): Promise<ProbeResult> {
    if (this.#running === undefined || this.#reason !== undefined) {
      return { ok: false, reason: this.#reason ?? 'The worker is starting.' };
    }
    const { worker, connection } = this.#running;
    const { runState, workflowPollerState, activityPollerState } = worker.getStatus();
    if (runState !== 'RUNNING') return { ok: false, reason: `The worker is ${runState}, not RUNNING.` };
    if (workflowPollerState !== 'POLLING')
      return { ok: false, reason: `The workflow poller is ${workflowPollerState}.` };
    if (activityPollerState !== 'POLLING')
      return { ok: false, reason: `The activity poller is ${activityPollerState}.` };
    const now = performance.now();
    if (this.#check === undefined || now - this.#check.at > RESULT_TTL_MS) {
      this.#check = { at: now, result: checkTemporal(connection) };
    }
    return await this.#check.result;
  }
}

async function checkTemporal(connection: NativeConnection): Promise<ProbeResult> {
  try {
    await connection.withDeadline(Date.now() + CHECK_TIMEOUT_MS, () => connection.workflowService.getSystemInfo({}));
    return { ok: true };
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'unknown error';
    return { ok: false, reason: `Temporal does not respond: ${reason.slice(0, 200)}` };
  }
}
