/**
 * The worker: one Temporal worker and its probes, from the settings to the end of the process. Every pod runs the same.
 */
import { hostname } from 'node:os';
import { Client } from '@temporalio/client';
import { type NativeConnection, Runtime, Worker, type WorkerOptions } from '@temporalio/worker';
import { TASK_QUEUE } from '../workflows/contract.ts';
import { type Configuration, formatAddress } from './config.ts';
import { CertmanError } from './failures/failure.ts';
import { startHttpServer } from './observability/http-server.ts';
import type { Logger } from './observability/logging.ts';
import { createWorkerMetrics } from './observability/metrics.ts';
import { createTemporalLogger } from './observability/temporal-logger.ts';
import { composeActivities } from './worker/activities.ts';
import { observeActivities } from './worker/activity-observation.ts';
import { checkRetention, registerSearchAttributes } from './worker/namespace-setup.ts';
import { WorkerProgress } from './worker/readiness.ts';
import { keepStandingNeeds } from './worker/standing-needs.ts';
import { connectToTemporal } from './worker/temporal-connection.ts';
import { upgradeOptions } from './worker/upgrade-options.ts';
import { findWorkflowCode } from './worker/workflow-code.ts';

/** What activities are given beyond the grace before they are abandoned: the time to say that they were cancelled. */
const FORCE_AFTER_GRACE_MS = 5_000;

/**
 * Runs until `signal` is aborted, then ends in good order: no new work, running activities get the grace, and what is not
 * done by then is taken up by another worker.
 * @throws what kept it from starting, or what ended it.
 */
export async function runWorker(configuration: Configuration, logger: Logger, signal: AbortSignal): Promise<void> {
  const metrics = createWorkerMetrics();
  const progress = new WorkerProgress();
  const server = await startHttpServer({
    ...configuration.metricsAddress,
    registry: metrics.registry,
    process: progress,
  });
  logger.info({ url: server.url }, 'serving /metrics, /healthz and /readyz');
  try {
    installRuntime(configuration, logger);
    const { temporal } = configuration;
    const connection = await connectToTemporal(temporal, configuration.temporalCompression, {
      logger,
      signal,
      waiting: (reason) => progress.waiting(reason),
    });
    try {
      logger.info({ address: temporal.address, temporalNamespace: temporal.namespace }, 'connected to Temporal');
      progress.waiting('The Temporal namespace is being prepared.');
      await registerSearchAttributes(connection, temporal.namespace, logger);
      await checkRetention(connection, temporal.namespace, logger);
      progress.waiting('The worker is being made.');
      await work(configuration, logger, signal, { connection, metrics, progress });
    } finally {
      await connection.close();
    }
  } finally {
    await server.close();
  }
}

function installRuntime(configuration: Configuration, logger: Logger): void {
  const { sdkMetricsAddress } = configuration;
  try {
    installRuntimeWith(configuration, logger);
  } catch (cause) {
    if (sdkMetricsAddress === 'off') throw cause;
    throw new CertmanError({
      code: 'configuration/invalid',
      message: `CERTMAN_SDK_METRICS_ADDRESS ${formatAddress(sdkMetricsAddress)} cannot be listened on (${cause instanceof Error ? cause.message : 'unknown error'}).`,
      next: 'Choose a free port of this machine, or "off".',
      cause,
    });
  }
}

function installRuntimeWith({ sdkMetricsAddress, logLevel }: Configuration, logger: Logger): void {
  Runtime.install({
    logger: createTemporalLogger(logger),
    // The command that runs the worker handles signals.
    shutdownSignals: [],
    telemetryOptions: {
      logging: {
        filter: { core: logLevel === 'debug' || logLevel === 'trace' ? 'DEBUG' : 'WARN', other: 'ERROR' },
        forward: {},
      },
      ...(sdkMetricsAddress === 'off'
        ? {}
        : { metrics: { prometheus: { bindAddress: formatAddress(sdkMetricsAddress), useSecondsForDurations: true } } }),
    },
  });
}

async function work(
  configuration: Configuration,
  logger: Logger,
  signal: AbortSignal,
  parts: {
    readonly connection: NativeConnection;
    readonly metrics: ReturnType<typeof createWorkerMetrics>;
    readonly progress: WorkerProgress;
  },
): Promise<void> {
  const { connection, metrics, progress } = parts;
  const identity = configuration.identity ?? defaultIdentity();
  const client = new Client({ connection, namespace: configuration.temporal.namespace, identity });
  const composed = composeActivities({ configuration, client, logger, metrics, identity, stopping: signal });
  try {
    const worker = await Worker.create({
      ...workerOptions(configuration, identity),
      connection,
      activities: composed.activities,
      interceptors: { activity: [observeActivities(metrics, composed.certificateIssued)] },
    });
    const stop = (): void => {
      progress.waiting('The worker is shutting down.');
      if (worker.getState() === 'RUNNING') worker.shutdown();
    };
    const ending = new AbortController();
    const running = worker.run();
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    progress.running(worker, connection);
    const { hive, deploymentName, buildId, heldBackPatches } = configuration;
    logger.info(
      { identity, taskQueue: TASK_QUEUE, hive, deploymentName, buildId, heldBackPatches },
      'the worker is running',
    );
    const standing = keepStandingNeeds(
      { client, connection, namespace: configuration.temporal.namespace, hive: configuration.hive, logger },
      AbortSignal.any([signal, ending.signal]),
    );
    try {
      await running;
    } finally {
      ending.abort();
      signal.removeEventListener('abort', stop);
      await standing;
    }
    logger.info({ identity }, 'the worker has ended');
  } finally {
    await composed.close();
  }
}

/**
 * A task queue has four partitions, and a poll waits at one of them for up to a minute: with fewer polls, a task that is
 * dispatched just after the server came back can wait for as long. A waiting poll costs one request a minute.
 */
const FEWEST_POLLERS = 4;

function workerOptions(configuration: Configuration, identity: string): WorkerOptions {
  const { maxPollers } = configuration;
  const pollers = {
    type: 'autoscaling',
    minimum: Math.min(FEWEST_POLLERS, maxPollers),
    initial: Math.min(5, maxPollers),
    maximum: maxPollers,
  } as const;
  return {
    ...findWorkflowCode(configuration.workflowBundle),
    namespace: configuration.temporal.namespace,
    taskQueue: TASK_QUEUE,
    identity,
    maxConcurrentActivityTaskExecutions: configuration.maxConcurrentActivities,
    maxConcurrentWorkflowTaskExecutions: configuration.maxConcurrentWorkflowTasks,
    maxCachedWorkflows: configuration.maxCachedWorkflows,
    workflowTaskPollerBehavior: pollers,
    activityTaskPollerBehavior: pollers,
    // Activities pace their heartbeats themselves (activities/boundary.ts). What one of them records besides, such as the
    // URL of an order, must be at Temporal before anything can happen to the worker.
    maxHeartbeatThrottleInterval: '50 milliseconds',
    shutdownGraceTime: configuration.shutdownGraceMs,
    shutdownForceTime: configuration.shutdownGraceMs + FORCE_AFTER_GRACE_MS,
    ...upgradeOptions(configuration),
  };
}

/** A pod is known by its name; on a person's machine several workers share one host. */
function defaultIdentity(): string {
  return process.env['KUBERNETES_SERVICE_HOST'] === undefined ? `${process.pid}@${hostname()}` : hostname();
}
