/**
 * The worker: one Temporal worker and its probes, from the settings to the end of the process. Every pod runs the same.
 */
import { hostname } from 'node:os';
import { Client } from '@temporalio/client';
import { type NativeConnection, Runtime, Worker, type WorkerOptions } from '@temporalio/worker';
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { Configuration } from '../configuration/load-configuration.ts';
import { TASK_QUEUE } from '../contract/ids.ts';
import { unknownPatches } from '../contract/patches.ts';
import { formatHostAndPort } from '../dns/host-and-port.ts';
import { CertmanError } from '../failures/failure.ts';
import { startHttpServer } from '../observability/http-server.ts';
import type { Logger } from '../observability/logging.ts';
import { createMetrics } from '../observability/metrics.ts';
import { createTemporalLogger } from '../observability/temporal-logger.ts';
import { createActivityMetricsInterceptor } from './activity-metrics.ts';
import { composeActivities } from './compose-activities.ts';
import { ensureWatchWorkflow } from './ensure-watch-workflow.ts';
import { checkRetention, registerSearchAttributes } from './namespace-setup.ts';
import { connectToTemporal } from './temporal-connection.ts';
import { versioningOptions } from './versioning-options.ts';
import { WorkerHealth } from './worker-health.ts';
import { findWorkflowCode } from './workflow-code.ts';

/** What activities are given beyond the grace before they are abandoned: the time to say that they were cancelled. */
const FORCE_AFTER_GRACE_MS = 5_000;

/**
 * Runs until `signal` is aborted, then ends in good order: no new work, running activities get the grace, and what is not
 * done by then is taken up by another worker.
 * @throws what kept it from starting, or what ended it.
 */
export async function runWorker(configuration: Configuration, logger: Logger, signal: AbortSignal): Promise<void> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 50 });
  const progress = new WorkerHealth();
  const server = await startHttpServer({
    ...configuration.metricsAddress,
    registry,
    process: progress,
  });
  logger.info({ url: server.url }, 'serving /metrics, /healthz and /readyz');
  try {
    installRuntime(configuration, logger);
    const { temporal } = configuration;
    const connection = await connectToTemporal(temporal, configuration.temporalCompression, {
      logger,
      signal,
      waiting: (reason) => progress.notReady(reason),
    });
    try {
      logger.info({ address: temporal.address, temporalNamespace: temporal.namespace }, 'connected to Temporal');
      progress.notReady('The Temporal namespace is being prepared.');
      await registerSearchAttributes(connection, temporal.namespace, logger);
      await checkRetention(connection, temporal.namespace, logger);
      progress.notReady('The worker is being made.');
      await runTemporalWorker(configuration, logger, signal, { connection, registry, progress });
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
      message: `CERTMAN_SDK_METRICS_ADDRESS ${formatHostAndPort(sdkMetricsAddress)} cannot be listened on (${cause instanceof Error ? cause.message : 'unknown error'}).`,
      remedy: 'Choose a free port of this machine, or "off".',
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
        : {
            metrics: {
              prometheus: { bindAddress: formatHostAndPort(sdkMetricsAddress), useSecondsForDurations: true },
            },
          }),
    },
  });
}

async function runTemporalWorker(
  configuration: Configuration,
  logger: Logger,
  signal: AbortSignal,
  parts: {
    readonly connection: NativeConnection;
    readonly registry: Registry;
    readonly progress: WorkerHealth;
  },
): Promise<void> {
  const { connection, registry, progress } = parts;
  const metrics = createMetrics(registry);
  const identity = configuration.identity ?? defaultIdentity();
  const client = new Client({ connection, namespace: configuration.temporal.namespace, identity });
  const composed = composeActivities({ configuration, client, logger, registry, metrics, identity, stopping: signal });
  try {
    const worker = await Worker.create({
      ...workerOptions(configuration, identity),
      connection,
      activities: composed.activities,
      interceptors: { activity: [createActivityMetricsInterceptor(metrics, composed.certificateIssued)] },
    });
    const stop = (): void => {
      progress.notReady('The worker is shutting down.');
      if (worker.getState() === 'RUNNING') worker.shutdown();
    };
    const ending = new AbortController();
    const running = worker.run();
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    progress.running(worker, connection);
    const { managementCluster, deploymentName, buildId, heldBackPatches } = configuration;
    logger.info(
      { identity, taskQueue: TASK_QUEUE, managementCluster, deploymentName, buildId, heldBackPatches },
      'the worker is running',
    );
    const unknown = unknownPatches(heldBackPatches ?? []);
    if (unknown.length > 0) logger.warn({ unknown }, 'CERTMAN_HELD_BACK_PATCHES: this version has no such patch');
    const standing = ensureWatchWorkflow(
      {
        client,
        connection,
        namespace: configuration.temporal.namespace,
        managementCluster: configuration.managementCluster,
        logger,
      },
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
const MIN_POLLERS = 4;

function workerOptions(configuration: Configuration, identity: string): WorkerOptions {
  const { maxPollers } = configuration;
  const pollers = {
    type: 'autoscaling',
    minimum: Math.min(MIN_POLLERS, maxPollers),
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
    ...versioningOptions(configuration),
  };
}

/** A pod is known by its name; on a person's machine several workers share one host. */
function defaultIdentity(): string {
  return process.env['KUBERNETES_SERVICE_HOST'] === undefined ? `${process.pid}@${hostname()}` : hostname();
}
