/** A worker with activity doubles, and helpers that start and query a cluster's workflow. */
import { WorkflowNotFoundError } from '@temporalio/client';
import type { PayloadCodec } from '@temporalio/common';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import type { Worker, WorkflowBundleOption } from '@temporalio/worker';
import { Registry } from 'prom-client';
import type { ClusterView } from '../../../src/clusters/cluster-view.ts';
import { type ClusterStatus, clusterObserved, clusterStatus } from '../../../src/contract/cluster-certificates.ts';
import { clusterMemo } from '../../../src/contract/cluster-memo.ts';
import { clusterWorkflowId } from '../../../src/contract/ids.ts';
import { givenPatches } from '../../../src/contract/patches.ts';
import { fairnessOf } from '../../../src/contract/priorities.ts';
import { createMetrics } from '../../../src/observability/metrics.ts';
import { issuanceSinks } from '../../../src/observability/tracing/tracing.ts';
import { createActivityMetricsInterceptor } from '../../../src/worker/activity-metrics.ts';
import { TemporalWorker } from '../../../src/worker/temporal-worker.ts';
import type { clusterCertificates } from '../../../workflows/cluster-certificates.ts';
import type { History } from '../temporal/history-json.ts';
import { eventually } from '../vitest/eventually.ts';
import { ActivityDoubles } from './activity-doubles.ts';

export interface WorkflowHarness {
  readonly doubles: ActivityDoubles;
  readonly env: TestWorkflowEnvironment;
  readonly taskQueue: string;
  readonly worker: Worker;
  /** The issuances that have ended, as their workflows report them, in that order. */
  readonly issuanceEnds: readonly { readonly runId: string; readonly outcome: string }[];
  /** What the worker counts of its activities, in Prometheus' text format. */
  metrics(): Promise<string>;
  start(view: ClusterView): Promise<Awaited<ReturnType<typeof startCluster>>>;
  status(view: ClusterView): Promise<ClusterStatus>;
  /**
   * Advances the clock of a time-skipping server once every cluster is idle: no workflow task and no order under way, which
   * could stop that clock for ever.
   */
  advanceTime(milliseconds: number): Promise<void>;
  /**
   * Waits until the cluster has no workflow task, order or activity under way. On a time-skipping server, before a signal that
   * cancels an activity: that server refuses to cancel an activity that has completed during the workflow task, and its clock
   * then stands still for that task's time-out.
   */
  untilAsleep(view: ClusterView): Promise<void>;
}

/**
 * Runs `body` with a worker on a task queue of its own, and terminates the clusters that it started.
 * @param payloadCodecs of the worker only: clients read its payloads without them.
 * @param maxConcurrentActivities slots of the worker. Default: the SDK's.
 */
export async function withWorkflowHarness<T>(
  env: TestWorkflowEnvironment,
  workflowBundle: WorkflowBundleOption,
  body: (harness: WorkflowHarness) => Promise<T>,
  payloadCodecs: PayloadCodec[] = [],
  maxConcurrentActivities?: number,
): Promise<T> {
  const taskQueue = `test-${crypto.randomUUID()}`;
  const doubles = new ActivityDoubles(() => env.currentTimeMs());
  const registry = new Registry();
  const issuanceEnds: { readonly runId: string; readonly outcome: string }[] = [];
  const worker = await TemporalWorker.create({
    connection: env.nativeConnection,
    ...(env.namespace === undefined ? {} : { namespace: env.namespace }),
    taskQueue,
    workflowBundle,
    activities: doubles.activities(),
    interceptors: { activity: [createActivityMetricsInterceptor(createMetrics(registry), () => undefined)] },
    sinks: issuanceSinks({
      issuanceEnded: ({ runId }, outcome) => void issuanceEnds.push({ runId, outcome }),
    }),
    dataConverter: { payloadCodecs },
    ...(maxConcurrentActivities !== undefined && {
      maxConcurrentActivityTaskExecutions: maxConcurrentActivities,
    }),
    // As in production: a cancellation reaches an activity with the next heartbeat that is sent.
    maxHeartbeatThrottleInterval: '1 second',
    shutdownGraceTime: '2 seconds',
  });
  const started: ClusterView[] = [];
  const harness: WorkflowHarness = {
    doubles,
    env,
    taskQueue,
    worker,
    issuanceEnds,
    metrics: () => registry.metrics(),
    start: (view) => {
      started.push(view);
      return startCluster(env, taskQueue, view);
    },
    status: (view) => env.client.workflow.getHandle(clusterWorkflowId(view.identity)).query(clusterStatus),
    advanceTime: async (milliseconds) => {
      for (const view of started) await waitUntilIdle(env, view);
      await env.sleep(milliseconds);
    },
    untilAsleep: (view) => waitUntilAsleep(env, view),
  };
  return await worker.runUntil(async () => {
    try {
      return await body(harness);
    } finally {
      // Without a worker, a workflow makes the time-skipping server wait for each of its task time-outs.
      for (const view of started) await terminate(env, view);
    }
  });
}

/** Waits until a bundle of the cluster is Ready. */
export async function untilReady(
  harness: WorkflowHarness,
  view: ClusterView,
  bundle = 'primary',
): Promise<ClusterStatus> {
  return await eventually(
    `${bundle} is Ready`,
    () => harness.status(view),
    (status) => status.bundles[bundle]?.state === 'Ready',
  );
}

/**
 * Waits until a workflow has no workflow task. A query would start one. Before it is terminated: a time-skipping server
 * stops its clock for a workflow task, for ever where its workflow is terminated meanwhile.
 */
export async function untilNoWorkflowTask({ env }: Pick<WorkflowHarness, 'env'>, workflowId: string): Promise<void> {
  await eventually(
    'no workflow task under way',
    async () => hasNoPendingTask(await eventsOf(env, workflowId)),
    Boolean,
  );
}

type HistoryEvent = NonNullable<History['events']>[number];

async function waitUntilIdle(env: TestWorkflowEnvironment, view: ClusterView): Promise<void> {
  await eventually(
    'neither a workflow task nor an order under way',
    async () => {
      const events = await eventsOf(env, clusterWorkflowId(view.identity));
      return hasNoPendingTask(events) && openOrders(events) === 0;
    },
    Boolean,
  );
}

/** All of it in one reading: what ends between two readings can begin something else. */
async function waitUntilAsleep(env: TestWorkflowEnvironment, view: ClusterView): Promise<void> {
  await eventually(
    'neither a workflow task nor an order nor an activity under way',
    async () => {
      const events = await eventsOf(env, clusterWorkflowId(view.identity));
      return isClosed(events) || (hasNoPendingTask(events) && openOrders(events) === 0 && openActivities(events) === 0);
    },
    Boolean,
  );
}

/** Events of the latest run of a workflow. */
async function eventsOf(env: TestWorkflowEnvironment, workflowId: string): Promise<readonly HistoryEvent[]> {
  const { events } = await env.client.workflow.getHandle(workflowId).fetchHistory();
  return events ?? [];
}

/** The first task of a run that another one continued as is scheduled after its start. */
function hasNoPendingTask(events: readonly HistoryEvent[]): boolean {
  const begun = events.findLastIndex((event) => event.workflowTaskScheduledEventAttributes);
  const ended = events.findLastIndex((event) => event.workflowTaskCompletedEventAttributes);
  return begun !== -1 && ended >= begun;
}

function isClosed(events: readonly HistoryEvent[]): boolean {
  const last = events.at(-1);
  return Boolean(
    last?.workflowExecutionCompletedEventAttributes ??
      last?.workflowExecutionFailedEventAttributes ??
      last?.workflowExecutionCanceledEventAttributes ??
      last?.workflowExecutionTerminatedEventAttributes,
  );
}

function openOrders(events: readonly HistoryEvent[]): number {
  const begun = events.filter((event) => event.startChildWorkflowExecutionInitiatedEventAttributes).length;
  return begun - events.filter(endsOrder).length;
}

function endsOrder(event: HistoryEvent): boolean {
  return Boolean(
    event.childWorkflowExecutionCompletedEventAttributes ??
      event.childWorkflowExecutionFailedEventAttributes ??
      event.childWorkflowExecutionCanceledEventAttributes ??
      event.childWorkflowExecutionTerminatedEventAttributes,
  );
}

function openActivities(events: readonly HistoryEvent[]): number {
  const begun = events.filter((event) => event.activityTaskScheduledEventAttributes).length;
  return begun - events.filter(endsActivity).length;
}

function endsActivity(event: HistoryEvent): boolean {
  return Boolean(
    event.activityTaskCompletedEventAttributes ??
      event.activityTaskFailedEventAttributes ??
      event.activityTaskTimedOutEventAttributes ??
      event.activityTaskCanceledEventAttributes,
  );
}

async function terminate(env: TestWorkflowEnvironment, view: ClusterView): Promise<void> {
  const handle = env.client.workflow.getHandle(clusterWorkflowId(view.identity));
  try {
    // A time-skipping server stops its clock for each task under way, and never sets it going again when that task's workflow is
    // terminated: the next test of the file would wait for weeks in real time.
    if (env.supportsTimeSkipping) await waitUntilAsleep(env, view);
    else await untilNoWorkflowTask({ env }, clusterWorkflowId(view.identity));
    await handle.terminate('the test is over');
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}

function startCluster(env: TestWorkflowEnvironment, taskQueue: string, view: ClusterView) {
  return env.client.workflow.signalWithStart<typeof clusterCertificates, [ClusterView]>('clusterCertificates', {
    workflowId: clusterWorkflowId(view.identity),
    taskQueue,
    args: [{ cluster: view, patches: givenPatches() }],
    signal: clusterObserved,
    signalArgs: [view],
    memo: clusterMemo(view),
    priority: fairnessOf(view.identity),
  });
}
