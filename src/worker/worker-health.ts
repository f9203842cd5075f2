import type { ConnectionLike } from '@temporalio/client';
import type { Worker } from '@temporalio/worker';
import type { ProbeFailure, Probes } from '../observability/endpoints.ts';

const RESULT_TTL_MS = 3_000;
const CHECK_TIMEOUT_MS = 1_500;

/** The worker reports its state here; /healthz and /readyz read it. */
export class WorkerHealth implements Probes {
  #notReady: ProbeFailure = 'The worker is starting.';
  #running: { readonly worker: Worker; readonly connection: ConnectionLike } | undefined;
  #limitations: Probes['limitations'] = () => [];
  #check: { readonly at: number; readonly result: Promise<ProbeFailure> } | undefined;

  notReady(reason: string): void {
    this.#notReady = reason;
  }

  running(worker: Worker, connection: ConnectionLike, limitations: Probes['limitations']): void {
    this.#notReady = undefined;
    this.#running = { worker, connection };
    this.#limitations = limitations;
  }

  limitations(): readonly string[] {
    return this.#limitations();
  }

  liveness(): ProbeFailure {
    return this.#running?.worker.getState() === 'FAILED' ? 'The worker has failed; see its log.' : undefined;
  }

  async readiness(): Promise<ProbeFailure> {
    if (this.#running === undefined || this.#notReady !== undefined) return this.#notReady;
    const { worker, connection } = this.#running;
    const { runState, workflowPollerState, activityPollerState } = worker.getStatus();
    if (runState !== 'RUNNING') return `The worker is ${runState}, not RUNNING.`;
    if (workflowPollerState !== 'POLLING') return `The workflow poller is ${workflowPollerState}.`;
    if (activityPollerState !== 'POLLING') return `The activity poller is ${activityPollerState}.`;
    const now = performance.now();
    if (this.#check === undefined || now - this.#check.at > RESULT_TTL_MS) {
      this.#check = { at: now, result: checkTemporal(connection) };
    }
    return await this.#check.result;
  }
}

async function checkTemporal(connection: ConnectionLike): Promise<ProbeFailure> {
  try {
    await connection.withDeadline(Date.now() + CHECK_TIMEOUT_MS, () => connection.workflowService.getSystemInfo({}));
    return undefined;
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'unknown error';
    return `Temporal does not respond: ${reason.slice(0, 200)}`;
  }
}
