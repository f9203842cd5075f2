/** Lives of the first shape: a first certificate, its renewals and failures, changes on the way, the end. */

import type { ClusterView } from '../../../src/clusters/cluster-view.ts';
import {
  type ClusterStatus,
  clusterGone,
  clusterObserved,
  renew,
  surroundingsChanged,
  watchTakenOver,
  watchWorkflowId,
} from '../../../workflows/contract.ts';
import { untilCancelled } from '../until-cancelled.ts';
import { bundleView, clusterView } from '../views.ts';
import {
  asleep,
  begin,
  continued,
  DAY_MS,
  ended,
  hold,
  idOf,
  inState,
  type Life,
  passing,
  published,
  refuse,
  type Stage,
  seen,
  until,
} from './life.ts';

export const FIRST_ISSUANCE: readonly Life[] = [
  { name: 'issued', live: (stage) => onlyIssued(stage, clusterView()) },
  {
    name: 'two-bundles',
    live: (stage) =>
      onlyIssued(stage, clusterView({ bundles: [bundleView('one', 'a.example.com'), bundleView('two')] })),
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
      await seen('reported', () => refusals >= 5);
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
      return ended(stage, () => seen('asked', () => asked));
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
      await seen('a second attempt', () => attempts === 2);
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

async function onlyIssued(stage: Stage, view: ClusterView): Promise<readonly string[]> {
  await asleep(stage, view);
  return [idOf(view)];
}

function bothReady({ bundles }: ClusterStatus): boolean {
  const records = Object.values(bundles);
  return records.length === 2 && records.every(({ state }) => state === 'Ready');
}
