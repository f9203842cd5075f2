/** Lives of workflows as they happen in production, each lived once on a real server so that its histories can be kept. */
import type { Client } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import type { clusterCertificates } from '../../workflows/cluster-certificates.ts';
import {
  type ClusterStatus,
  clusterGone,
  clusterObserved,
  clusterStatus,
  clusterWorkflowId,
  renew,
  surroundingsChanged,
  watchTakenOver,
  watchWorkflowId,
} from '../../workflows/contract.ts';
import { type ActivityDoubles, typedFailure } from './activity-doubles.ts';
import { eventually } from './eventually.ts';
import { untilCancelled } from './until-cancelled.ts';
import { bundleView, clusterView } from './views.ts';

const DAY_MS = 86_400_000;
/** Longer than the longest life, which waits for a retry of half a minute. */
const LIFE_MS = 60_000;

export interface Stage {
  readonly client: Client;
  readonly doubles: ActivityDoubles;
  readonly taskQueue: string;
}

export interface Life {
  readonly name: string;
  /** @returns ids of the workflows whose runs, children included, are the life. */
  live(stage: Stage): Promise<readonly string[]>;
}

export const LIVES: readonly Life[] = [
  { name: 'issued', live: (stage) => asleep(stage, clusterView()) },
  {
    name: 'two-bundles',
    live: (stage) => asleep(stage, clusterView({ bundles: [bundleView('one', 'a.example.com'), bundleView('two')] })),
  },
  {
    name: 'renewed-by-its-timer',
    live: async (stage) => {
      const view = clusterView();
      stage.doubles.lifetimeDays = 8_000 / DAY_MS;
      await begin(stage, view);
      await inState(stage, view, 'Ready');
      stage.doubles.lifetimeDays = 90;
      await until(stage, view, 'renewed', ({ bundles }) => bundles['primary']?.certificate?.serialNumber === '1001');
      return await continued(stage, view);
    },
  },
  {
    name: 'renewed-by-an-operator',
    live: async (stage) => {
      const view = clusterView();
      const handle = await begin(stage, view);
      await inState(stage, view, 'Ready');
      await handle.executeUpdate(renew, { args: [{}] });
      return await continued(stage, view);
    },
  },
  {
    name: 'refused-and-put-right',
    live: async (stage) => {
      const view = clusterView();
      stage.doubles.when('placeOrder', () =>
        refuse('acme/accountMissing', 'The Secret lets-encrypt-account is missing.'),
      );
      const handle = await begin(stage, view);
      await inState(stage, view, 'Waiting');
      stage.doubles.when('placeOrder', undefined);
      await handle.signal(surroundingsChanged, { what: 'The Secret lets-encrypt-account was made.' });
      await inState(stage, view, 'Ready');
      return [idOf(view)];
    },
  },
  {
    name: 'failed-and-retried-by-its-timer',
    live: async (stage) => {
      const view = clusterView();
      stage.doubles.when('answerChallenges', () => refuse('acme/unreachable', 'The CA does not answer.'));
      await begin(stage, view);
      await inState(stage, view, 'Failing');
      stage.doubles.when('answerChallenges', undefined);
      await inState(stage, view, 'Ready');
      return [idOf(view)];
    },
  },
  {
    name: 'names-changed-in-mid-order',
    live: async (stage) => {
      const view = clusterView({ bundles: [bundleView('primary', 'wrong.example.com')] });
      hold(stage, 'wrong');
      const handle = await begin(stage, view);
      await published(stage);
      await handle.signal(clusterObserved, { ...view, bundles: [bundleView('primary', 'right.example.com')] });
      await inState(stage, view, 'Ready');
      return [idOf(view)];
    },
  },
  {
    name: 'paused-in-mid-order-and-resumed',
    live: async (stage) => {
      const view = clusterView();
      hold(stage, 'api');
      const handle = await begin(stage, view);
      await published(stage);
      await handle.signal(clusterObserved, { ...view, paused: true });
      await inState(stage, view, 'Paused');
      stage.doubles.when('verifyPropagation', undefined);
      await handle.signal(clusterObserved, view);
      await inState(stage, view, 'Ready');
      return [idOf(view)];
    },
  },
  {
    name: 'bundle-removed',
    live: async (stage) => {
      const view = clusterView({
        bundles: [bundleView('stays', 'a.example.com'), bundleView('goes', 'b.example.com')],
      });
      const handle = await begin(stage, view);
      await until(stage, view, 'both ready', bothReady);
      await handle.signal(clusterObserved, { ...view, bundles: [bundleView('stays', 'a.example.com')] });
      await until(stage, view, 'one gone', ({ bundles }) => bundles['goes'] === undefined);
      return [idOf(view)];
    },
  },
  {
    name: 'api-server-away',
    live: async (stage) => {
      const view = clusterView();
      let refusals = 0;
      stage.doubles.when('reportStatus', async () => {
        refusals += 1;
        if (refusals < 5) throw passing('kubernetes/unreachable', 'The API server does not answer.');
        await Promise.resolve();
      });
      await begin(stage, view);
      await eventually(
        'reported',
        () => Promise.resolve(refusals),
        (count) => count >= 5,
        LIFE_MS,
      );
      await inState(stage, view, 'Ready');
      return [idOf(view)];
    },
  },
  { name: 'deleted-asleep', live: (stage) => ended(stage, async (view) => inState(stage, view, 'Ready')) },
  {
    name: 'deleted-in-mid-order',
    live: (stage) => {
      hold(stage, 'api');
      return ended(stage, () => published(stage));
    },
  },
  {
    name: 'deleted-while-failing',
    live: (stage) => {
      stage.doubles.when('placeOrder', () => refuse('acme/rejectedIdentifier', 'The CA refuses the name.'));
      return ended(stage, (view) => inState(stage, view, 'Waiting'));
    },
  },
  {
    name: 'deleted-with-the-certificate-still-at-the-ca',
    live: (stage) => {
      let asked = false;
      stage.doubles.when('finalizeOrder', () => {
        asked = true;
        return untilCancelled();
      });
      return ended(stage, () => eventually('asked', () => Promise.resolve(asked), Boolean, LIFE_MS));
    },
  },
  {
    name: 'deleted-with-records-that-could-not-be-withdrawn',
    live: (stage) => {
      hold(stage, 'api');
      let refusals = 0;
      stage.doubles.when('withdrawTxtRecords', async () => {
        refusals += 1;
        if (refusals === 1) await refuse('dns/accessDenied', 'AWS refuses the credentials.');
        stage.doubles.published.clear();
      });
      return ended(stage, () => published(stage));
    },
  },
  {
    name: 'vanished',
    live: async (stage) => {
      const view = clusterView();
      const handle = await begin(stage, view);
      await inState(stage, view, 'Ready');
      await handle.signal(clusterGone);
      await handle.result();
      return [idOf(view)];
    },
  },
  {
    name: 'watch-that-failed-and-changed-hands',
    live: async ({ client, doubles, taskQueue }) => {
      const hive = crypto.randomUUID();
      let attempts = 0;
      doubles.when('watchManagementCluster', async () => {
        attempts += 1;
        if (attempts === 1) await refuse('kubernetes/forbidden', 'The ServiceAccount may not list ClusterDeployments.');
        return await untilCancelled();
      });
      const workflowId = watchWorkflowId(hive);
      const handle = await client.workflow.start('managementClusterWatch', { workflowId, taskQueue, args: [{ hive }] });
      await eventually(
        'a second attempt',
        () => Promise.resolve(attempts),
        (count) => count === 2,
        LIFE_MS,
      );
      // To whichever run is there by now.
      const current = client.workflow.getHandle(workflowId);
      await current.signal(watchTakenOver, { worker: 'certman-a' });
      await current.signal(watchTakenOver, { worker: 'certman-b' });
      await current.cancel();
      await handle.result().catch(() => undefined);
      return [workflowId];
    },
  },
];

const idOf = (view: ClusterView): string => clusterWorkflowId(view.identity);

function begin({ client, taskQueue }: Stage, view: ClusterView) {
  return client.workflow.signalWithStart<typeof clusterCertificates, [ClusterView]>('clusterCertificates', {
    workflowId: idOf(view),
    taskQueue,
    args: [{ cluster: view }],
    signal: clusterObserved,
    signalArgs: [view],
  });
}

async function until(
  { client }: Stage,
  view: ClusterView,
  what: string,
  holds: (status: ClusterStatus) => boolean,
): Promise<void> {
  await eventually(what, () => client.workflow.getHandle(idOf(view)).query(clusterStatus), holds, LIFE_MS);
}

async function inState(stage: Stage, view: ClusterView, state: string): Promise<void> {
  await until(stage, view, state, ({ bundles }) => bundles['primary']?.state === state);
}

function bothReady({ bundles }: ClusterStatus): boolean {
  const records = Object.values(bundles);
  return records.length === 2 && records.every(({ state }) => state === 'Ready');
}

async function asleep(stage: Stage, view: ClusterView): Promise<readonly string[]> {
  await begin(stage, view);
  await until(stage, view, 'all ready', ({ bundles }) => {
    const records = Object.values(bundles);
    return records.length === view.bundles.length && records.every(({ state }) => state === 'Ready');
  });
  return [idOf(view)];
}

/** Once the first run has been followed by another, which has gone to sleep. */
async function continued({ client }: Stage, view: ClusterView): Promise<readonly string[]> {
  await eventually(
    'a run of its own that sleeps',
    () => client.workflow.getHandle(idOf(view)).describe(),
    ({ runId, raw, historyLength }) => raw.workflowExecutionInfo?.firstRunId !== runId && historyLength >= 4,
    LIFE_MS,
  );
  return [idOf(view)];
}

async function ended(stage: Stage, ready: (view: ClusterView) => Promise<unknown>): Promise<readonly string[]> {
  const view = clusterView();
  const handle = await begin(stage, view);
  await ready(view);
  await handle.signal(clusterObserved, { ...view, deleting: true });
  // What waits for somebody to put something right is told again and again that somebody has.
  const told = setInterval(() => {
    handle.signal(surroundingsChanged, { what: 'It was put right.' }).catch((error: unknown) => {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    });
  }, 3_000);
  try {
    await handle.result();
  } finally {
    clearInterval(told);
  }
  return [idOf(view)];
}

/** Keeps orders with such a name from being seen. */
function hold({ doubles }: Stage, name: string): void {
  doubles.when('verifyPropagation', async ({ records }) => {
    if (records[0]?.name.includes(name) === true) throw passing('dns/notVisible', 'not visible yet');
    return await Promise.resolve({ seenBy: ['resolver.test'] });
  });
}

async function published({ doubles }: Stage): Promise<void> {
  await eventually(
    'published',
    () => Promise.resolve(doubles.published.size),
    (count) => count > 0,
    LIFE_MS,
  );
}

type Code = Parameters<typeof typedFailure>[0];

function refuse(code: Code, message: string): Promise<never> {
  return Promise.reject(typedFailure(code, message));
}

function passing(code: Code, message: string): Error {
  return Object.assign(typedFailure(code, message), { nonRetryable: false });
}
