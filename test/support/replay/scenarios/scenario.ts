/** What a recorded scenario is made of, and the steps that scenarios share. */
import type { Client } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';
import type { ClusterView } from '../../../../src/clusters/cluster-view.ts';
import {
  type ClusterStatus,
  clusterObserved,
  clusterStatus,
  dependencyChanged,
} from '../../../../src/contract/cluster-certificates.ts';
import { clusterMemo } from '../../../../src/contract/cluster-memo.ts';
import { clusterWorkflowId } from '../../../../src/contract/ids.ts';
import { givenPatches } from '../../../../src/contract/patches.ts';
import type { clusterCertificates } from '../../../../workflows/cluster-certificates.ts';
import { eventually } from '../../vitest/eventually.ts';
import { type ActivityDoubles, activityFailure } from '../../workflows/activity-doubles.ts';
import { clusterView } from '../../workflows/cluster-views.ts';

export const DAY_MS = 86_400_000;

const SIGNAL_INTERVAL_MS = 250;

export interface ScenarioContext {
  readonly client: Client;
  readonly doubles: ActivityDoubles;
  readonly taskQueue: string;
}

export interface HistoryScenario {
  readonly name: string;
  /** History length at which the server suggests continue-as-new; absent: the server's default. */
  readonly continueAsNewAfter?: number;
  /** @returns ids of the workflows whose runs, with those of their children, are recorded. */
  run(context: ScenarioContext): Promise<readonly string[]>;
}

export const idOf = (view: ClusterView): string => clusterWorkflowId(view.identity);

export function startCluster({ client, taskQueue }: ScenarioContext, view: ClusterView) {
  return client.workflow.signalWithStart<typeof clusterCertificates, [ClusterView]>('clusterCertificates', {
    workflowId: idOf(view),
    taskQueue,
    args: [{ cluster: view, patches: givenPatches() }],
    signal: clusterObserved,
    signalArgs: [view],
    memo: clusterMemo(view),
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

export async function waitForState(context: ScenarioContext, view: ClusterView, state: string): Promise<void> {
  await waitForStatus(context, view, state, ({ bundles }) => bundles['primary']?.state === state);
}

/** Waits until a predicate about the doubles holds. */
export async function waitFor(what: string, holds: () => boolean): Promise<void> {
  await eventually(what, () => Promise.resolve(holds()), Boolean);
}

export async function waitForPublishedRecords({ doubles }: ScenarioContext): Promise<void> {
  await waitFor('published', () => doubles.published.size > 0);
}

/** Starts a cluster and waits until all bundles are Ready. */
export async function startAndWaitReady(context: ScenarioContext, view: ClusterView) {
  const handle = await startCluster(context, view);
  await waitForStatus(context, view, 'all ready', ({ bundles }) => {
    const records = Object.values(bundles);
    return records.length === view.bundles.length && records.every(({ state }) => state === 'Ready');
  });
  return handle;
}

/** Waits until a second run sleeps. */
export async function waitForContinueAsNew({ client }: ScenarioContext, view: ClusterView): Promise<readonly string[]> {
  await eventually(
    'a run of its own that sleeps',
    () => client.workflow.getHandle(idOf(view)).describe(),
    ({ runId, raw, historyLength }) => raw.workflowExecutionInfo?.firstRunId !== runId && historyLength >= 4,
  );
  return [idOf(view)];
}

/** Starts a cluster, deletes it once `ready` resolves, and waits for its result. */
export async function decommissionWhen(
  context: ScenarioContext,
  ready: (view: ClusterView) => Promise<unknown>,
): Promise<readonly string[]> {
  const view = clusterView();
  const handle = await startCluster(context, view);
  await ready(view);
  await handle.signal(clusterObserved, { ...view, deleting: true });
  // Bundles that wait for a correction are signalled until they go on.
  const signalling = setInterval(() => {
    handle.signal(dependencyChanged, { what: 'It was put right.' }).catch((error: unknown) => {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    });
  }, SIGNAL_INTERVAL_MS);
  try {
    await handle.result();
  } finally {
    clearInterval(signalling);
  }
  return [idOf(view)];
}

/** Keeps the TXT records of orders with this name from propagating. */
export function holdPropagation({ doubles }: ScenarioContext, name: string): void {
  doubles.override('verifyPropagation', async ({ records }) => {
    if (records[0]?.name.includes(name) === true) throw retryableFailure('dns/notVisible', 'not visible yet');
    return await Promise.resolve({ seenBy: ['resolver.test'] });
  });
}

type Code = Parameters<typeof activityFailure>[0];

/** Fails as an activity that Temporal does not retry. */
export function rejectNonRetryable(code: Code, message: string, notBefore?: Date): Promise<never> {
  return Promise.reject(activityFailure(code, message, notBefore));
}

/** A failure that Temporal retries. */
export function retryableFailure(code: Code, message: string): Error {
  return Object.assign(activityFailure(code, message), { nonRetryable: false });
}
