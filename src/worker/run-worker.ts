import { hostname } from 'node:os';
import { Client } from '@temporalio/client';
import { TransportError } from '@temporalio/worker';
import { collectDefaultMetrics } from 'prom-client';
import { type Configuration, loadTemporal } from '../configuration/load-configuration.ts';
import { SETTINGS } from '../configuration/settings.ts';
import type { TemporalSettings } from '../configuration/temporal-settings.ts';
import { taskQueueOf } from '../contract/ids.ts';
import { unknownPatches, unknownPatchText } from '../contract/patches.ts';
import { requireRegisteredDomains } from '../issuance/require-registered-domains.ts';
import { abortable } from '../network/abortable.ts';
import { metricsRoutes, probeRoutes } from '../observability/endpoints.ts';
import { type RunningServer, startHttpServer } from '../observability/http-server.ts';
import type { Logger } from '../observability/logging.ts';
import { MetricsExposition } from '../observability/metrics-exposition.ts';
import { issuanceSinks, startTracing, type Tracing } from '../observability/tracing/tracing.ts';
import { createDataConverter } from '../payloads/data-converter.ts';
import { PayloadKeyStore } from '../payloads/payload-key-store.ts';
import { collectWhenIdle } from './collect-when-idle.ts';
import { composeActivities } from './compose-activities.ts';
import { claimManagementCluster, ensureWatchWorkflow } from './ensure-watch-workflow.ts';
import { followCredentials } from './follow-credentials.ts';
import { installRuntime } from './install-runtime.ts';
import { lastingTemporalFailure } from './lasting-failures.ts';
import { limitBufferPool } from './limit-buffer-pool.ts';
import { limitGarbage } from './limit-garbage.ts';
import { memoryLimit } from './memory-limit.ts';
import { watchMemory } from './memory-watch.ts';
import { checkRetention, registerSearchAttributes, waitForSearchAttributes } from './namespace-setup.ts';
import { RenewableConnection } from './renewable-connection.ts';
import { SharedWorker, sharedWorkerOptions } from './shared-worker.ts';
import { type StartDependency, StartWait } from './start-wait.ts';
import { connectOnce, connectToTemporal } from './temporal-connection.ts';
import { TemporalWorker } from './temporal-worker.ts';
import { WorkerHealth } from './worker-health.ts';
import { workerOptions } from './worker-options.ts';
import { findWorkflowCode, loadEncodingWorkflowCode } from './workflow-code.ts';

/** Runs until `signal` is aborted; activities get the grace period. @throws what prevented the start or ended it. */
export async function runWorker(configuration: Configuration, logger: Logger, signal: AbortSignal): Promise<void> {
  limitBufferPool();
  const exposition = new MetricsExposition();
  collectDefaultMetrics({ register: exposition.registry, eventLoopMonitoringPrecision: 50 });
  const health = new WorkerHealth();
  const { metricsAddress, probeAddress } = configuration;
  const servers: RunningServer[] = [];
  const endMemoryWatch = watchMemory({ limit: memoryLimit(), registry: exposition.registry, logger });
  const endCollection = collectWhenIdle();
  const endGarbageLimit = limitGarbage(memoryLimit());
  const tracing = await startTracing(configuration.tracing, { registry: exposition.registry, logger });
  try {
    servers.push(
      await startHttpServer({
        address: metricsAddress,
        setting: SETTINGS.metricsAddress.name,
        routes: metricsRoutes(exposition),
      }),
      await startHttpServer({
        address: probeAddress,
        setting: SETTINGS.probeAddress.name,
        routes: probeRoutes(health),
      }),
    );
    const [metrics, probes] = servers.map(({ url }) => url);
    logger.info({ metrics, probes }, 'serving /metrics, /healthz and /readyz');
    installRuntime(configuration, logger);
    const { temporal } = configuration;
    const { temporalCompression } = configuration;
    const load = (): TemporalSettings => loadTemporal(process.env);
    const start = new StartWait({
      limitMs: configuration.startTimeoutMs,
      signal,
      logger,
      onWaiting: (reason) => health.notReady(reason),
    });
    const made = await connectToTemporal(configuration, load, start, signal);
    const connection = new RenewableConnection(made.connection);
    const ended = new AbortController();
    const connect = (found: TemporalSettings) => connectOnce(found, temporalCompression, ended.signal);
    const { connectionOptions } = made.settings;
    const following = followCredentials(connection, connectionOptions, { load, connect }, logger, ended.signal);
    try {
      logger.info({ address: temporal.address, temporalNamespace: temporal.namespace }, 'connected to Temporal');
      health.notReady('The Temporal namespace is being prepared.');
      await start.until(namespaceDependency(temporal), () =>
        registerSearchAttributes(connection, temporal.namespace, logger),
      );
      health.notReady('Temporal does not accept the search attributes yet.');
      await waitForSearchAttributes(connection, temporal.namespace, logger, signal);
      await abortable(checkRetention(connection, temporal.namespace, logger), signal);
      await runTemporalWorker(configuration, logger, signal, connection, exposition, health, start, tracing);
    } finally {
      ended.abort();
      await following;
      await connection.close();
    }
  } finally {
    endMemoryWatch();
    endCollection();
    endGarbageLimit();
    await tracing?.close();
    await Promise.all(servers.map((server) => server.close()));
  }
}

async function runTemporalWorker(
  configuration: Configuration,
  logger: Logger,
  signal: AbortSignal,
  connection: RenewableConnection,
  exposition: MetricsExposition,
  health: WorkerHealth,
  start: StartWait,
  tracing: Tracing | undefined,
): Promise<void> {
  const { managementCluster, deploymentName, buildId, heldBackPatches, temporal } = configuration;
  const { namespace } = temporal;
  for (const patch of unknownPatches(heldBackPatches ?? [])) logger.warn({ patch }, unknownPatchText(patch));
  const identity = configuration.identity ?? defaultIdentity();
  const keys = openPayloadKeys(configuration, logger);
  const dataConverter = createDataConverter({ keys, required: configuration.requireEncryptedPayloads });
  const client = new Client({ connection, namespace, identity, dataConverter });
  await requireRegisteredDomains(configuration.caLimits ?? []);
  const shared = new SharedWorker(logger);
  const { close, kubernetes, limitations, hasBudget, activities, interceptors } = composeActivities(
    configuration,
    client,
    logger,
    exposition,
    signal,
    () => void shared.start(),
  );
  try {
    // Before the first poll: this worker must not run a task of another cluster that has the same name.
    health.notReady('The management cluster is being identified.');
    const clusterUid = await claimManagementCluster(client, kubernetes, configuration, start, signal);
    health.notReady('The worker is being created.');
    const { workflowBundle } = configuration;
    const code = keys === undefined ? findWorkflowCode(workflowBundle) : await loadEncodingWorkflowCode(workflowBundle);
    const worker = await start.until(workerDependency(temporal), () =>
      TemporalWorker.create({
        ...workerOptions(configuration, identity),
        ...code,
        activities,
        interceptors: { activity: [...(tracing ? [tracing.interceptActivity] : []), ...(interceptors.activity ?? [])] },
        sinks: issuanceSinks(tracing),
        connection: connection.current,
        dataConverter,
      }),
    );
    connection.attach(worker);
    shared.createWith(async () => {
      const options = { ...sharedWorkerOptions(configuration, identity), ...code, dataConverter };
      const created = await TemporalWorker.createBeside(worker, { ...options, connection: connection.current });
      connection.attach(created);
      return created;
    });
    const stop = (): void => {
      health.notReady('The worker is shutting down.');
      if (worker.getState() === 'RUNNING') worker.shutdown();
    };
    const ended = new AbortController();
    // While no worker serves a budget, orders are placed without it.
    await shared.startIf(hasBudget, signal);
    const running = worker.run();
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    health.running(worker, connection, limitations);
    logger.info(
      {
        identity,
        taskQueue: taskQueueOf(managementCluster),
        managementCluster,
        deploymentName,
        buildId,
        heldBackPatches,
      },
      'the worker is running',
    );
    const watching = AbortSignal.any([signal, ended.signal]);
    const watch = ensureWatchWorkflow(client, connection, configuration, clusterUid, logger, watching).finally(stop);
    try {
      await Promise.all([running, watch]);
    } finally {
      ended.abort();
      signal.removeEventListener('abort', stop);
      await Promise.allSettled([running, watch]);
      // Orders that end within the grace period may ask for their turns.
      await shared.stop();
    }
    logger.info({ identity }, 'the worker has ended');
  } finally {
    await close();
  }
}

function namespaceDependency({ address, namespace }: TemporalSettings): StartDependency {
  return {
    problem: `The search attributes of the Temporal namespace ${namespace} cannot be read or registered`,
    waiting: 'waiting for the Temporal namespace (setting TEMPORAL_NAMESPACE)',
    code: 'temporal/unreachable',
    remedy: `Look at the log of Temporal's frontend at ${address}, and at its store.`,
    lasting: (error) => lastingTemporalFailure(address, error),
  };
}

/** It reads the namespace. */
function workerDependency({ address, namespace }: TemporalSettings): StartDependency {
  return {
    problem: `The Temporal namespace ${namespace} cannot be read`,
    waiting: 'waiting to create the worker',
    code: 'temporal/unreachable',
    remedy: `Look at the log of Temporal's frontend at ${address}, and at its store.`,
    lasting: (error) => (error instanceof TransportError ? lastingTemporalFailure(address, error) : error),
    finishes: true,
  };
}

function openPayloadKeys({ payloadKeys }: Configuration, logger: Logger): PayloadKeyStore | undefined {
  if (payloadKeys === undefined) return undefined;
  return new PayloadKeyStore(payloadKeys, {
    onChange: (active, keys) => logger.info({ active, keys }, 'the payload keys have changed'),
    onError: (reason) =>
      logger.error(
        { folder: payloadKeys, reason },
        'the payload keys (CERTMAN_PAYLOAD_KEYS) cannot be read any more; those before stay in use',
      ),
  });
}

/** The name of the pod; outside a pod, where several workers share a host, the process id and the host. */
function defaultIdentity(): string {
  return process.env['KUBERNETES_SERVICE_HOST'] === undefined ? `${process.pid}@${hostname()}` : hostname();
}
