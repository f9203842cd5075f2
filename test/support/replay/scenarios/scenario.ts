/** What a life that is recorded is made of: a stage to live on, and the steps that lives share. */
import type { Client } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';
import type { ClusterView } from '../../../../src/clusters/cluster-view.ts';
import {
  type ClusterStatus,
  clusterObserved,
  clusterStatus,
  clusterWorkflowId,
  dependencyChanged,
} from '../../../../src/contract/cluster-certificates.ts';
import type { clusterCertificates } from '../../../../workflows/cluster-certificates.ts';
import { eventually } from '../../vitest/eventually.ts';
import { type ActivityDoubles, activityFailure } from '../../workflows/activity-doubles.ts';
import { clusterView } from '../../workflows/cluster-views.ts';

export const DAY_MS = 86_400_000;

export interface ScenarioContext {
  readonly client: Client;
  readonly doubles: ActivityDoubles;
  readonly taskQueue: string;
}

export interface HistoryScenario {
  readonly name: string;
  /** Events after which the server suggests a fresh run; absent: the server's own, thousands. */
  readonly continueAsNewAfter?: number;
  /** @returns ids of the workflows whose runs, children included, are the life. */
  run(stage: ScenarioContext): Promise<readonly string[]>;
}

export const idOf = (view: ClusterView): string => clusterWorkflowId(view.identity);

export function startCluster({ client, taskQueue }: ScenarioContext, view: ClusterView) {
  return client.workflow.signalWithStart<typeof clusterCertificates, [ClusterView]>('clusterCertificates', {
    workflowId: idOf(view),
    taskQueue,
    args: [{ cluster: view }],
    signal: clusterObserved,
    signalArgs: [view],
  });
}

/** Waits until the cluster's status is such. */
export async function waitForStatus(
  { client }: ScenarioContext,
  view: ClusterView,
  what: string,
  holds: (status: ClusterStatus) => boolean,
): Promise<void> {
  await eventually(what, () => client.workflow.getHandle(idOf(view)).query(clusterStatus), holds);
}

export async function waitForState(stage: ScenarioContext, view: ClusterView, state: string): Promise<void> {
  await waitForStatus(stage, view, state, ({ bundles }) => bundles['primary']?.state === state);
}

/** Waits until something that the doubles have seen holds. */
export async function waitFor(what: string, holds: () => boolean): Promise<void> {
  await eventually(what, () => Promise.resolve(holds()), Boolean);
}

export async function waitForPublishedRecords({ doubles }: ScenarioContext): Promise<void> {
  await waitFor('published', () => doubles.published.size > 0);
}

/** Begun, and all bundles Ready. */
export async function startAndWaitReady(stage: ScenarioContext, view: ClusterView) {
  const handle = await startCluster(stage, view);
  await waitForStatus(stage, view, 'all ready', ({ bundles }) => {
    const records = Object.values(bundles);
    return records.length === view.bundles.length && records.every(({ state }) => state === 'Ready');
  });
  return handle;
}

/** Once the first run has been followed by another, which has gone to sleep. */
export async function waitForContinueAsNew({ client }: ScenarioContext, view: ClusterView): Promise<readonly string[]> {
  await eventually(
    'a run of its own that sleeps',
    () => client.workflow.getHandle(idOf(view)).describe(),
    ({ runId, raw, historyLength }) => raw.workflowExecutionInfo?.firstRunId !== runId && historyLength >= 4,
  );
  return [idOf(view)];
}

/** Begun, and deleted once it is `ready`; waits for its end. */
export async function decommissionWhen(
  stage: ScenarioContext,
  ready: (view: ClusterView) => Promise<unknown>,
): Promise<readonly string[]> {
  const view = clusterView();
  const handle = await startCluster(stage, view);
  await ready(view);
  await handle.signal(clusterObserved, { ...view, deleting: true });
  // What waits for somebody to put something right is told again and again that somebody has.
  const told = setInterval(() => {
    handle.signal(dependencyChanged, { what: 'It was put right.' }).catch((error: unknown) => {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    });
  });
  try {
    await handle.result();
  } finally {
    clearInterval(told);
  }
  return [idOf(view)];
}

/** Keeps orders with such a name from being seen. */
export function holdPropagation({ doubles }: ScenarioContext, name: string): void {
  doubles.override('verifyPropagation', async ({ records }) => {
    if (records[0]?.name.includes(name) === true) throw retryableFailure('dns/notVisible', 'not visible yet');
    return await Promise.resolve({ seenBy: ['resolver.test'] });
  });
}

type Code = Parameters<typeof activityFailure>[0];

/** As an activity that is refused for good. */
export function rejectNonRetryable(code: Code, message: string, notBefore?: Date): Promise<never> {
  return Promise.reject(activityFailure(code, message, notBefore));
}

/** A failure that Temporal tries again. */
export function retryableFailure(code: Code, message: string): Error {
  return Object.assign(activityFailure(code, message), { nonRetryable: false });
}
