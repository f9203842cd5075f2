/** A Temporal server, a worker with activity doubles, and a client: what tests of workflow code stand on. */
import { WorkflowNotFoundError } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll } from 'vitest';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import type { clusterCertificates } from '../../workflows/cluster-certificates.ts';
import { type ClusterStatus, clusterObserved, clusterStatus, clusterWorkflowId } from '../../workflows/contract.ts';
import { ActivityDoubles } from './activity-doubles.ts';
import { eventually } from './eventually.ts';
import { startEnvironment } from './temporal-server.ts';
import { workflowBundle } from './workflow-bundle.ts';

export interface Lab {
  readonly doubles: ActivityDoubles;
  readonly env: TestWorkflowEnvironment;
  readonly taskQueue: string;
  start(view: ClusterView): Promise<Awaited<ReturnType<typeof startCluster>>>;
  status(view: ClusterView): Promise<ClusterStatus>;
}

export type WithLab = (body: (lab: Lab) => Promise<void>) => Promise<void>;

/**
 * For a whole test file: `const withLab = useLab();` runs the body of a test beside a worker of its own on a queue of its
 * own. The server is the file's.
 */
export function useLab(start: () => Promise<TestWorkflowEnvironment> = startEnvironment): WithLab {
  let env: TestWorkflowEnvironment | undefined;
  beforeAll(async () => {
    env = await start();
  }, 120_000);
  afterAll(() => env?.teardown());
  return async (body) => {
    if (env === undefined) throw new Error('the lab is there only while tests run');
    await withLab(env, body);
  };
}

/** Waits until a bundle of the cluster is Ready. */
export async function untilReady(lab: Lab, view: ClusterView, bundle = 'primary'): Promise<ClusterStatus> {
  return await eventually(
    `${bundle} is Ready`,
    () => lab.status(view),
    (status) => status.bundles[bundle]?.state === 'Ready',
  );
}

async function withLab(env: TestWorkflowEnvironment, body: (lab: Lab) => Promise<void>): Promise<void> {
  const taskQueue = `test-${crypto.randomUUID()}`;
  const doubles = new ActivityDoubles(() => env.currentTimeMs());
  const worker = await Worker.create({
    connection: env.nativeConnection,
    ...(env.namespace === undefined ? {} : { namespace: env.namespace }),
    taskQueue,
    workflowBundle: workflowBundle(),
    activities: doubles.activities(),
    // As in production: a cancellation reaches an activity with the next heartbeat that is sent.
    maxHeartbeatThrottleInterval: '1 second',
    shutdownGraceTime: '2 seconds',
  });
  const started: ClusterView[] = [];
  const lab: Lab = {
    doubles,
    env,
    taskQueue,
    start: (view) => {
      started.push(view);
      return startCluster(env, taskQueue, view);
    },
    status: (view) => env.client.workflow.getHandle(clusterWorkflowId(view.identity)).query(clusterStatus),
  };
  await worker.runUntil(async () => {
    try {
      await body(lab);
    } finally {
      // A workflow left without a worker would have the time-skipping server go through its task time-outs one by one.
      for (const view of started) await terminate(env, view);
    }
  });
}

async function terminate(env: TestWorkflowEnvironment, view: ClusterView): Promise<void> {
  try {
    await env.client.workflow.getHandle(clusterWorkflowId(view.identity)).terminate('the test is over');
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}

function startCluster(env: TestWorkflowEnvironment, taskQueue: string, view: ClusterView) {
  return env.client.workflow.signalWithStart<typeof clusterCertificates, [ClusterView]>('clusterCertificates', {
    workflowId: clusterWorkflowId(view.identity),
    taskQueue,
    args: [{ cluster: view }],
    signal: clusterObserved,
    signalArgs: [view],
  });
}
