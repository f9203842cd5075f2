/** A real Temporal server and workers that run the real watch: what tests of the watch stand on. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowExecutionInfo } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { createWatchActivities, type WatchedFleet } from '../../activities/watch.ts';
import { CaSource } from '../../src/acme/ca-source.ts';
import type { ClusterIdentity } from '../../src/clusters/cluster-view.ts';
import type { KubernetesClient } from '../../src/kubernetes/client.ts';
import type { KubernetesObject } from '../../src/kubernetes/kubernetes-api.ts';
import { createOperatorSettings } from '../../src/kubernetes/operator-settings.ts';
import type { RevocationListOutcome } from '../../src/observability/metrics.ts';
import type { ListSource } from '../../src/revocation/list-source.ts';
import { clusterWorkflowId, watchWorkflowId } from '../../workflows/contract.ts';
import { eventually } from './eventually.ts';
import { FollowedSource } from './followed-source.ts';
import { type Hub, OPERATOR_NAMESPACE } from './hub.ts';
import { PATIENCE_MS, PATIENCE_SECONDS } from './patience.ts';
import { told } from './recording-workflows.ts';
import { startEnvironment } from './temporal-server.ts';
import { workflowBundle } from './workflow-bundle.ts';

export interface WatchRun {
  readonly hive: string;
  readonly taskQueue: string;
  readonly logs: readonly string[];
  /** What the gauges would show; undefined when it does not watch. */
  fleet(): WatchedFleet | undefined;
  /** How often a cluster was told of a renewal window. */
  windowsMoved(): number;
  /** What came of each list of revoked certificates. */
  readonly listsFetched: readonly RevocationListOutcome[];
  /** How often a cluster was told that its certificate is revoked. */
  revokedFound(): number;
  /** What a cluster's workflow was told; undefined when it has none. */
  told(cluster: Omit<ClusterIdentity, 'hive'>): Promise<readonly string[] | undefined>;
  /** @param about what of it is compared; default: all. */
  untilTold(cluster: Omit<ClusterIdentity, 'hive'>, expected: readonly string[], about?: RegExp): Promise<void>;
  /** Waits until the watch has dealt with this version of an object, as far as it does so at once. */
  untilSeen(object: Pick<KubernetesObject, 'kind' | 'metadata'>): Promise<void>;
  stop(): Promise<void>;
}

/** Long enough for a signal that must not come to have come. */
export const QUIET_MS = 1_500;

export interface WatchOptions {
  /** Default: certman on the hub. */
  readonly kubernetes?: KubernetesClient;
  readonly hive?: string;
  readonly worker?: string;
  readonly comparisonIntervalMs?: number;
  /** Host of the CA's directory. */
  readonly environment?: string;
  /** Another than the one that all tests have in common; certman's deployed rights do not reach it. */
  readonly operatorNamespace?: string;
  /** Default: the one of the account in the operator's namespace. */
  readonly ca?: Pick<CaSource, 'use'>;
  /** Default: lists of revoked certificates are not looked at. */
  readonly revocationLists?: ListSource;
}

export interface WatchLab {
  readonly env: TestWorkflowEnvironment;
  /** @returns once every kind of object is followed. */
  watch(options?: WatchOptions): Promise<WatchRun>;
}

/** For a whole test file: `const lab = useWatchLab(hub);`, then `lab()` inside tests. All watches end with their test. */
export function useWatchLab(hub: () => Hub): () => WatchLab {
  let env: TestWorkflowEnvironment | undefined;
  let lab: WatchLab | undefined;
  const runs: WatchRun[] = [];
  beforeAll(async () => {
    const started = await startEnvironment();
    env = started;
    lab = {
      env,
      watch: async (options = {}) => {
        const run = await startWatch(started, { kubernetes: hub().certman, ...options });
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
    if (lab === undefined) throw new Error('the lab is there only while tests run');
    return lab;
  };
}

async function startWatch(
  env: TestWorkflowEnvironment,
  options: WatchOptions & { readonly kubernetes: KubernetesClient },
): Promise<WatchRun> {
  const hive = options.hive ?? `hive-${crypto.randomUUID().slice(0, 8)}`;
  const taskQueue = `watch-${hive}`;
  const logs: string[] = [];
  let fleet: WatchedFleet | undefined;
  let windowsMoved = 0;
  let revokedFound = 0;
  const listsFetched: RevocationListOutcome[] = [];
  const operatorNamespace = options.operatorNamespace ?? OPERATOR_NAMESPACE;
  const ownCa = options.ca === undefined ? hubCa(options.kubernetes, operatorNamespace) : undefined;
  const ca = options.ca ?? ownCa;
  if (ca === undefined) throw new Error('there is no CA');
  const source = new FollowedSource(options.kubernetes);
  const log = (fields: object, message: string): void => void logs.push(`${message} ${JSON.stringify(fields)}`);
  const worker = await Worker.create({
    connection: env.nativeConnection,
    taskQueue,
    workflowBundle: workflowBundle('recording-workflows'),
    shutdownGraceTime: '100 milliseconds',
    activities: {
      ...createWatchActivities({
        kubernetes: options.kubernetes,
        source,
        environment: () => Promise.resolve(options.environment),
        ca,
        ...(options.revocationLists === undefined ? {} : { revocationLists: options.revocationLists }),
        settings: {
          hive,
          extraRecord: 'rh-api',
          operatorNamespace,
          comparisonIntervalMs: options.comparisonIntervalMs ?? 600_000,
          worker: options.worker ?? 'worker-1',
        },
        metrics: {
          expose: (watched) => {
            fleet = watched;
            return () => {
              fleet = undefined;
            };
          },
          renewalWindowMoved: () => {
            windowsMoved += 1;
          },
          revocationListFetched: (outcome) => void listsFetched.push(outcome),
          revokedCertificateFound: () => {
            revokedFound += 1;
          },
        },
        logger: { debug: () => undefined, info: log, warn: log, error: log },
      }),
    },
  });
  const running = worker.run();
  await ensureWatch(env, hive, taskQueue);
  const ask = async (cluster: Omit<ClusterIdentity, 'hive'>): Promise<readonly string[] | undefined> => {
    const handle = env.client.workflow.getHandle(clusterWorkflowId({ hive, ...cluster }));
    try {
      return await handle.query(told);
    } catch {
      // No such workflow, or it has not come to life yet.
      return undefined;
    }
  };
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= (async () => {
      worker.shutdown();
      await running;
      await ownCa?.close();
    })();
    return stopped;
  };
  try {
    await eventually(
      `the watch of ${hive} follows every kind`,
      () => Promise.resolve(source.missing()),
      (missing) => missing.length === 0,
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    hive,
    taskQueue,
    logs,
    fleet: () => fleet,
    windowsMoved: () => windowsMoved,
    listsFetched,
    revokedFound: () => revokedFound,
    told: ask,
    untilTold: async (cluster, expected, about = /^/) => {
      const end = performance.now() + PATIENCE_MS;
      for (;;) {
        const heard = await ask(cluster);
        const compared = heard?.filter((what) => about.test(what));
        if (compared !== undefined && JSON.stringify(compared) === JSON.stringify(expected)) return;
        if (performance.now() > end) {
          throw new Error(
            `not within ${PATIENCE_SECONDS} s: expected ${JSON.stringify(expected)}; heard ${JSON.stringify(heard)}.\n${logs.slice(-15).join('\n')}`,
          );
        }
        await sleep(50);
      }
    },
    untilSeen: async (object) => {
      const { namespace, name, resourceVersion } = object.metadata;
      await eventually(
        `the watch sees ${object.kind} ${namespace}/${name} at ${resourceVersion}`,
        () => Promise.resolve(source.hasHandled(object)),
        Boolean,
      );
    },
    stop,
  };
}

/** As a worker on the hub has it. */
function hubCa(kubernetes: KubernetesClient, operatorNamespace: string): CaSource {
  return new CaSource({ accounts: createOperatorSettings({ kubernetes, operatorNamespace }), version: 'test' });
}

export async function ensureWatch(env: TestWorkflowEnvironment, hive: string, taskQueue: string): Promise<void> {
  await env.client.workflow.start('managementClusterWatch', {
    workflowId: watchWorkflowId(hive),
    taskQueue,
    args: [{ hive }],
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
