/** A real Temporal server, and workers that run the real controller. */

import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type WorkflowExecutionInfo } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { NativeConnection } from '@temporalio/worker';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { createWatchActivities } from '../../../activities/watch.ts';
import { AcmeClientSource } from '../../../src/acme/client-source.ts';
import type { RenewalPolicy } from '../../../src/certificates/planned-renewal.ts';
import type { ClusterIdentity } from '../../../src/clusters/cluster-identity.ts';
import { clusterWorkflowId, watchWorkflowId } from '../../../src/contract/ids.ts';
import type { ServedCheck } from '../../../src/controller/controller-context.ts';
import type { FleetSnapshot } from '../../../src/controller/fleet-snapshot.ts';
import type { CrlFetcher } from '../../../src/crl/crl-fetcher.ts';
import type { IssuerCheck } from '../../../src/issuance/issuer-check.ts';
import type { KubernetesClient } from '../../../src/kubernetes/api/client.ts';
import type { KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { createOperatorSettings } from '../../../src/kubernetes/objects/operator-settings.ts';
import { createMetrics } from '../../../src/observability/metrics.ts';
import { TemporalWorker } from '../../../src/worker/temporal-worker.ts';
import { OPERATOR_NAMESPACE, type TestManagementCluster } from '../kubernetes/management-cluster.ts';
import { startEnvironment } from '../temporal/temporal-server.ts';
import { workflowBundle } from '../temporal/workflow-bundle.ts';
import { eventually } from '../vitest/eventually.ts';
import { WAIT_TIMEOUT_MS, WAIT_TIMEOUT_SECONDS } from '../vitest/timeouts.ts';
import { ENDLESS_PROBES } from './endless-probes.ts';
import { receivedSignals } from './recording-workflows.ts';
import { TrackingObjectSource } from './tracking-object-source.ts';

export interface ControllerRun {
  readonly managementCluster: string;
  readonly taskQueue: string;
  readonly logs: readonly string[];
  /** What the gauges are computed from; undefined while it does not watch. */
  fleet(): FleetSnapshot | undefined;
  /** Number of signals of a moved renewal window. */
  movedWindows(): number;
  /** Outcome of each fetch of a CRL. */
  readonly crlFetches: readonly string[];
  /** Action of each certificate whose lag was measured: create or renew. */
  readonly servedLags: readonly string[];
  /** Number of signals of a revoked certificate. */
  revokedCertificates(): number;
  /** Number of lists of workflows that Temporal could not answer. */
  failedWorkflowLists(): number;
  /** Signals that a cluster's workflow received; undefined when it has none. */
  receivedSignals(cluster: Omit<ClusterIdentity, 'managementCluster'>): Promise<readonly string[] | undefined>;
  /** @param about selects the signals to compare; default: all. */
  untilReceived(
    cluster: Omit<ClusterIdentity, 'managementCluster'>,
    expected: readonly string[],
    about?: RegExp,
  ): Promise<void>;
  /** Waits until the informer has passed on this version of an object. */
  untilHandled(object: Pick<KubernetesObject, 'kind' | 'metadata'>): Promise<void>;
  stop(): Promise<void>;
}

/** Long enough for a signal that must not be sent to arrive. */
export const QUIET_MS = 1_500;

export interface ControllerOptions {
  /** Default: certman on the management cluster. */
  readonly kubernetes?: KubernetesClient;
  readonly managementCluster?: string;
  /** Default: all. */
  readonly namespaces?: readonly string[];
  readonly worker?: string;
  readonly resyncIntervalMs?: number;
  readonly renewalPolicy?: RenewalPolicy;
  /** Host of the CA's directory. */
  readonly caHost?: string;
  /** Default: the common one; certman's deployed rights do not reach others. */
  readonly operatorNamespace?: string;
  /** Default: the one of the account in the operator's namespace. */
  readonly ca?: Pick<AcmeClientSource, 'withClient'>;
  /** Default: none. */
  readonly fallbackCas?: readonly Pick<AcmeClientSource, 'withClient' | 'name'>[];
  /** Of the frontend that the controller reaches Temporal by. Default: the server itself. */
  readonly temporalAddress?: string;
  /** Default: CRLs are not checked. */
  readonly crlCheck?: CrlFetcher;
  readonly issuerCheck?: IssuerCheck;
  /** `none`: no cluster is probed, and their conditions are removed. Default: probes that last until the controller stops. */
  readonly servedCheck?: ServedCheck | 'none';
  /** Plurals that the start does not wait for, as they cannot be watched. */
  readonly unwatchable?: readonly string[];
}

export interface ControllerHarness {
  readonly env: TestWorkflowEnvironment;
  /** @returns once every kind of object is watched. */
  startController(options?: ControllerOptions): Promise<ControllerRun>;
}

/** For a whole test file: `const harness = useControllerHarness(managementCluster);`, then `harness()` in tests. Controllers stop with their test. */
export function useControllerHarness(managementCluster: () => TestManagementCluster): () => ControllerHarness {
  let env: TestWorkflowEnvironment | undefined;
  let harness: ControllerHarness | undefined;
  const runs: ControllerRun[] = [];
  beforeAll(async () => {
    const started = await startEnvironment();
    env = started;
    harness = {
      env,
      startController: async (options = {}) => {
        const run = await startController(started, { kubernetes: managementCluster().certman, ...options });
        runs.push(run);
        return run;
      },
    };
  });
  afterEach(async () => {
    await Promise.all(runs.splice(0).map((run) => run.stop()));
  });
  afterAll(async () => {
    await env?.teardown();
  });
  return () => {
    if (harness === undefined) throw new Error('the harness exists only while tests run');
    return harness;
  };
}

async function startController(
  env: TestWorkflowEnvironment,
  options: ControllerOptions & { readonly kubernetes: KubernetesClient },
): Promise<ControllerRun> {
  const managementCluster = options.managementCluster ?? `hive-${crypto.randomUUID().slice(0, 8)}`;
  const taskQueue = `watch-${managementCluster}`;
  const logs: string[] = [];
  let fleet: FleetSnapshot | undefined;
  let windowsMoved = 0;
  let revokedFound = 0;
  let failedLists = 0;
  const listsFetched: string[] = [];
  const lags: string[] = [];
  const operatorNamespace = options.operatorNamespace ?? OPERATOR_NAMESPACE;
  const ownCa = options.ca === undefined ? managementClusterCa(options.kubernetes, operatorNamespace) : undefined;
  const ca = options.ca ?? ownCa;
  if (ca === undefined) throw new Error('there is no CA');
  const source = new TrackingObjectSource(options.kubernetes);
  const log = (fields: object, message: string): void => void logs.push(`${message} ${JSON.stringify(fields)}`);
  const { temporalAddress } = options;
  const ownConnection =
    temporalAddress === undefined
      ? undefined
      : // Uncompressed, a frontend can read from the message which workflow a signal is for.
        await NativeConnection.connect({ address: temporalAddress, grpcCompression: { codec: 'none' } });
  const connection = ownConnection ?? env.nativeConnection;
  const controllerClient = new Client({ connection });
  const worker = await TemporalWorker.create({
    connection,
    taskQueue,
    workflowBundle: workflowBundle('recording-workflows'),
    shutdownGraceTime: '100 milliseconds',
    activities: {
      ...createWatchActivities({
        kubernetes: options.kubernetes,
        source,
        client: () => controllerClient,
        caHost: () => Promise.resolve(options.caHost),
        ca,
        ...(options.fallbackCas === undefined ? {} : { fallbackCas: options.fallbackCas }),
        ...(options.crlCheck === undefined ? {} : { crlSource: options.crlCheck }),
        ...(options.issuerCheck === undefined ? {} : { issuerCheck: options.issuerCheck }),
        servedCheck: options.servedCheck === 'none' ? undefined : (options.servedCheck ?? ENDLESS_PROBES),
        settings: {
          managementCluster,
          extraRecord: 'rh-api',
          operatorNamespace,
          namespaces: options.namespaces,
          resyncIntervalMs: options.resyncIntervalMs ?? 600_000,
          ...(options.renewalPolicy === undefined ? {} : { renewalPolicy: options.renewalPolicy }),
          workerName: options.worker ?? 'worker-1',
        },
        metrics: {
          ...createMetrics(new Registry()),
          ariWindowChanges: { inc: () => void (windowsMoved += 1) },
          crlFetches: { inc: ({ outcome }) => void listsFetched.push(String(outcome)) },
          revokedCertificates: { inc: () => void (revokedFound += 1) },
          servedLag: { observe: ({ action }) => void lags.push(String(action)) },
          workflowListFailures: { inc: () => void (failedLists += 1) },
        },
        exposeFleet: (watched) => {
          fleet = watched;
          return () => {
            if (fleet === watched) fleet = undefined;
          };
        },
        logger: { info: log, warn: log, error: log },
      }),
    },
  });
  const running = worker.run();
  await ensureWatch(env, managementCluster, taskQueue);
  const ask = async (cluster: Omit<ClusterIdentity, 'managementCluster'>): Promise<readonly string[] | undefined> => {
    const handle = env.client.workflow.getHandle(clusterWorkflowId({ managementCluster, ...cluster }));
    try {
      return await handle.query(receivedSignals);
    } catch {
      // There is no such workflow, or it has not started yet.
      return undefined;
    }
  };
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= (async () => {
      worker.shutdown();
      await running;
      await ownCa?.close();
      await ownConnection?.close();
    })();
    return stopped;
  };
  try {
    await eventually(
      `the controller of ${managementCluster} watches every kind`,
      () => Promise.resolve(source.unwatchedPlurals()),
      (missing) => missing.every((plural) => options.unwatchable?.includes(plural) === true),
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    managementCluster,
    taskQueue,
    logs,
    fleet: () => fleet,
    movedWindows: () => windowsMoved,
    crlFetches: listsFetched,
    servedLags: lags,
    revokedCertificates: () => revokedFound,
    failedWorkflowLists: () => failedLists,
    receivedSignals: ask,
    untilReceived: async (cluster, expected, about = /^/) => {
      const end = performance.now() + WAIT_TIMEOUT_MS;
      for (;;) {
        const received = await ask(cluster);
        const compared = received?.filter((what) => about.test(what));
        if (compared !== undefined && JSON.stringify(compared) === JSON.stringify(expected)) return;
        if (performance.now() > end) {
          throw new Error(
            `not within ${WAIT_TIMEOUT_SECONDS} s: expected ${JSON.stringify(expected)}; received ${JSON.stringify(received)}.\n${logs.slice(-15).join('\n')}`,
          );
        }
        await sleep(50);
      }
    },
    untilHandled: async (object) => {
      const { namespace, name, resourceVersion } = object.metadata;
      await eventually(
        `the controller handles ${object.kind} ${namespace}/${name} at ${resourceVersion}`,
        () => Promise.resolve(source.hasHandled(object)),
        Boolean,
      );
    },
    stop,
  };
}

/** As in a worker. */
function managementClusterCa(kubernetes: KubernetesClient, operatorNamespace: string): AcmeClientSource {
  return new AcmeClientSource({
    accounts: createOperatorSettings({ kubernetes, operatorNamespace }),
    userAgent: 'certman/test',
  });
}

export async function ensureWatch(
  env: TestWorkflowEnvironment,
  managementCluster: string,
  taskQueue: string,
): Promise<void> {
  await env.client.workflow.start('managementClusterWatch', {
    workflowId: watchWorkflowId(managementCluster),
    taskQueue,
    args: [{ managementCluster }],
    workflowIdConflictPolicy: 'USE_EXISTING',
  });
}

/** All runs of a workflow id, the latest first. */
export async function runsOf(
  env: TestWorkflowEnvironment,
  workflowId: string,
): Promise<readonly WorkflowExecutionInfo[]> {
  const runs: WorkflowExecutionInfo[] = [];
  for await (const run of env.client.workflow.list({ query: `WorkflowId = "${workflowId}"` })) runs.push(run);
  return runs;
}
