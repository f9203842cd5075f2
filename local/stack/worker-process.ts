/** Starts a certman worker as in production: a process of its own, which ends with this one. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sendRequest } from './http.ts';
import { LocalStackError, messageOf } from './local-stack-error.ts';
import type { ManagementCluster } from './management-cluster/management-cluster.ts';
import { poll } from './poll.ts';
import { spawnGuarded } from './process/guarded-process.ts';
import { lastLines } from './process/log-tail.ts';
import { freePorts } from './process/ports.ts';
import type { Stack } from './stack.ts';

/** Flags of Node.js, as in the Dockerfile. */
export const DEPLOYED_NODE_FLAGS: readonly string[] = [
  '--heap-growing-percent=100',
  '--max-semi-space-size=8',
  '--max-old-space-size-percentage=75',
];

/** Of the C library, as in the Dockerfile. */
export const DEPLOYED_ENVIRONMENT: Readonly<Record<string, string>> = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: '32768',
  MALLOC_TRIM_THRESHOLD_: '131072',
};

/** Options of {@link startWorker}. */
export interface WorkerOptions {
  readonly stack: Pick<Stack, 'stateDir'>;
  readonly managementCluster: Pick<ManagementCluster, 'environment'>;
  /** Settings on top of the management cluster's; undefined removes a setting. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Name of the log. Default `worker`. */
  readonly name?: string;
  /** Default `logs/<name>.log` of the stack's folder. */
  readonly logFile?: string;
  /** Path of a built program. Default: the sources. */
  readonly program?: string | undefined;
  /** Flags of Node.js, on top of those of the Deployment. */
  readonly nodeFlags?: readonly string[];
  /** Default five minutes: the sources bundle the workflow code first. */
  readonly readyWithinMs?: number;
  readonly signal?: AbortSignal;
  /** Called when the process exists: it works before it is known to be ready. */
  readonly onSpawned?: (worker: Pick<WorkerProcess, 'pid' | 'kill' | 'ended'>) => void;
}

/** A worker that was ready once. */
export interface WorkerProcess {
  readonly pid: number;
  readonly logFile: string;
  readonly metricsUrl: string;
  /** Of the Temporal SDK. */
  readonly sdkMetricsUrl: string;
  readonly readyUrl: string;
  /** How it ended; undefined while it runs. */
  ended(): string | undefined;
  /** SIGTERM, and SIGKILL after two minutes. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

const CERTMAN_BIN = fileURLToPath(new URL('../../bin/certman.js', import.meta.url));
const READY_TIMEOUT_MS = 300_000;
const POLL_INTERVAL_MS = 50;
const STOP_TIMEOUT_MS = 120_000;

/** Starts a worker and waits until it is ready. @throws LocalStackError with the last lines of its log. */
export async function startWorker(options: WorkerOptions): Promise<WorkerProcess> {
  const name = options.name ?? 'worker';
  const logFile = options.logFile ?? join(options.stack.stateDir, 'logs', `${name}.log`);
  const { metrics, probes, sdkMetrics } = await freePorts(['metrics', 'probes', 'sdkMetrics']);
  const worker = await spawnGuarded({
    command: process.execPath,
    args: [...DEPLOYED_NODE_FLAGS, ...(options.nodeFlags ?? []), options.program ?? CERTMAN_BIN, 'worker'],
    logFile,
    environment: {
      ...inheritedEnvironment(),
      ...DEPLOYED_ENVIRONMENT,
      ...options.managementCluster.environment,
      CERTMAN_METRICS_ADDRESS: `127.0.0.1:${metrics}`,
      CERTMAN_PROBE_ADDRESS: `127.0.0.1:${probes}`,
      CERTMAN_SDK_METRICS_ADDRESS: `127.0.0.1:${sdkMetrics}`,
      ...options.environment,
    },
  });
  options.onSpawned?.(worker);
  const readyUrl = `http://127.0.0.1:${probes}/readyz`;
  const timeoutMs = options.readyWithinMs ?? READY_TIMEOUT_MS;
  let reason = 'no response';
  const isReady = async (): Promise<true | undefined> => {
    const ended = worker.ended();
    if (ended !== undefined) throw await failure(`ended with ${ended} instead of becoming ready`);
    try {
      const { status, body } = await sendRequest(readyUrl);
      if (status === 200) return true;
      reason = `${status} ${body.slice(0, 500)}`;
    } catch (error) {
      reason = messageOf(error);
    }
    return undefined;
  };
  try {
    const ready = await poll(isReady, { timeoutMs, intervalMs: POLL_INTERVAL_MS, signal: options.signal });
    if (ready === undefined) throw await failure(`was not ready within ${timeoutMs / 1000} s (${reason})`);
  } catch (error) {
    await worker.kill();
    throw error;
  }
  return {
    pid: worker.pid,
    logFile,
    metricsUrl: `http://127.0.0.1:${metrics}/metrics`,
    sdkMetricsUrl: `http://127.0.0.1:${sdkMetrics}/metrics`,
    readyUrl,
    ended: () => worker.ended(),
    stop: () => worker.stop(STOP_TIMEOUT_MS),
    kill: () => worker.kill(),
  };

  async function failure(what: string): Promise<LocalStackError> {
    const lines = (await lastLines(logFile)).map((line) => `  ${line}`).join('\n');
    return new LocalStackError({ message: `The worker ${what}. Log: ${logFile}. Its last lines:\n${lines}` });
  }
}

/** This process's environment without settings of certman, Temporal, AWS and Kubernetes, which are for other systems. */
function inheritedEnvironment(): Record<string, string | undefined> {
  const foreign = /^(CERTMAN_|TEMPORAL_|AWS_|KUBE|FEDRAMP$|HOSTED_ZONE_ID$|NODE_TLS_REJECT)/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name)));
}
