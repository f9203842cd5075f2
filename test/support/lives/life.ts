/** What a life that is recorded is made of: a stage to live on, and the steps that lives share. */
import type { Client } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';
import type { ClusterView } from '../../../src/clusters/cluster-view.ts';
import type { clusterCertificates } from '../../../workflows/cluster-certificates.ts';
import {
  type ClusterStatus,
  clusterObserved,
  clusterStatus,
  clusterWorkflowId,
  surroundingsChanged,
} from '../../../workflows/contract.ts';
import { type ActivityDoubles, typedFailure } from '../activity-doubles.ts';
import { eventually } from '../eventually.ts';
import { clusterView } from '../views.ts';

export const DAY_MS = 86_400_000;

export interface Stage {
  readonly client: Client;
  readonly doubles: ActivityDoubles;
  readonly taskQueue: string;
}

export interface Life {
  readonly name: string;
  /** Events after which the server suggests a fresh run; absent: the server's own, thousands. */
  readonly freshRunAfter?: number;
  /** @returns ids of the workflows whose runs, children included, are the life. */
  live(stage: Stage): Promise<readonly string[]>;
}

export const idOf = (view: ClusterView): string => clusterWorkflowId(view.identity);

export function begin({ client, taskQueue }: Stage, view: ClusterView) {
  return client.workflow.signalWithStart<typeof clusterCertificates, [ClusterView]>('clusterCertificates', {
    workflowId: idOf(view),
    taskQueue,
    args: [{ cluster: view }],
    signal: clusterObserved,
    signalArgs: [view],
  });
}

/** Waits until the cluster's status is such. */
export async function until(
  { client }: Stage,
  view: ClusterView,
  what: string,
  holds: (status: ClusterStatus) => boolean,
): Promise<void> {
  await eventually(what, () => client.workflow.getHandle(idOf(view)).query(clusterStatus), holds);
}

export async function inState(stage: Stage, view: ClusterView, state: string): Promise<void> {
  await until(stage, view, state, ({ bundles }) => bundles['primary']?.state === state);
}

/** Waits until something that the doubles have seen holds. */
export async function seen(what: string, holds: () => boolean): Promise<void> {
  await eventually(what, () => Promise.resolve(holds()), Boolean);
}

export async function published({ doubles }: Stage): Promise<void> {
  await seen('published', () => doubles.published.size > 0);
}

/** Begun, and all bundles Ready. */
export async function asleep(stage: Stage, view: ClusterView) {
  const handle = await begin(stage, view);
  await until(stage, view, 'all ready', ({ bundles }) => {
    const records = Object.values(bundles);
    return records.length === view.bundles.length && records.every(({ state }) => state === 'Ready');
  });
  return handle;
}

/** Once the first run has been followed by another, which has gone to sleep. */
export async function continued({ client }: Stage, view: ClusterView): Promise<readonly string[]> {
  await eventually(
    'a run of its own that sleeps',
    () => client.workflow.getHandle(idOf(view)).describe(),
    ({ runId, raw, historyLength }) => raw.workflowExecutionInfo?.firstRunId !== runId && historyLength >= 4,
  );
  return [idOf(view)];
}

/** Begun, and deleted once it is `ready`; waits for its end. */
export async function ended(stage: Stage, ready: (view: ClusterView) => Promise<unknown>): Promise<readonly string[]> {
  const view = clusterView();
  const handle = await begin(stage, view);
  await ready(view);
  await handle.signal(clusterObserved, { ...view, deleting: true });
  // What waits for somebody to put something right is told again and again that somebody has.
  const told = setInterval(() => {
    handle.signal(surroundingsChanged, { what: 'It was put right.' }).catch((error: unknown) => {
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
export function hold({ doubles }: Stage, name: string): void {
  doubles.when('verifyPropagation', async ({ records }) => {
    if (records[0]?.name.includes(name) === true) throw passing('dns/notVisible', 'not visible yet');
    return await Promise.resolve({ seenBy: ['resolver.test'] });
  });
}

type Code = Parameters<typeof typedFailure>[0];

/** As an activity that is refused for good. */
export function refuse(code: Code, message: string, notBefore?: Date): Promise<never> {
  return Promise.reject(typedFailure(code, message, notBefore));
}

/** A failure that Temporal tries again. */
export function passing(code: Code, message: string): Error {
  return Object.assign(typedFailure(code, message), { nonRetryable: false });
}
