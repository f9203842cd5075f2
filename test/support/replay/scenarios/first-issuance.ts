/** Lives of the first shape: a first certificate, its renewals and failures, changes on the way, the end. */

import type { ClusterView } from '../../../../src/clusters/cluster-view.ts';
import {
  type ClusterStatus,
  clusterGone,
  clusterObserved,
  dependencyChanged,
  renew,
  watchTakenOver,
  watchWorkflowId,
} from '../../../../src/contract/cluster-certificates.ts';
import { untilCancelled } from '../../temporal/until-cancelled.ts';
import { bundleView, clusterView } from '../../workflows/cluster-views.ts';
import {
  DAY_MS,
  decommissionWhen,
  type HistoryScenario,
  holdPropagation,
  idOf,
  rejectNonRetryable,
  retryableFailure,
  type ScenarioContext,
  startAndWaitReady,
  startCluster,
  waitFor,
  waitForContinueAsNew,
  waitForPublishedRecords,
  waitForState,
  waitForStatus,
} from './scenario.ts';

export const FIRST_ISSUANCE: readonly HistoryScenario[] = [
  { name: 'issued', run: (stage) => issueOnly(stage, clusterView()) },
  {
    name: 'two-bundles',
    run: (stage) => issueOnly(stage, clusterView({ bundles: [bundleView('one', 'a.example.com'), bundleView('two')] })),
  },
  {
    name: 'renewed-by-its-timer',
    run: async (stage) => {
      const view = clusterView();
      stage.doubles.lifetimeDays = 8_000 / DAY_MS;
      await startCluster(stage, view);
      await waitForState(stage, view, 'Ready');
      stage.doubles.lifetimeDays = 90;
      await waitForStatus(
        stage,
        view,
        'renewed',
        ({ bundles }) => bundles['primary']?.certificate?.serialNumber === '1001',
      );
      return await waitForContinueAsNew(stage, view);
    },
  },
  {
    name: 'renewed-by-an-operator',
    run: async (stage) => {
      const view = clusterView();
      const handle = await startCluster(stage, view);
      await waitForState(stage, view, 'Ready');
      await handle.executeUpdate(renew, { args: [{}] });
      return await waitForContinueAsNew(stage, view);
    },
  },
  {
    name: 'refused-and-put-right',
    run: async (stage) => {
      const view = clusterView();
      stage.doubles.override('placeOrder', () =>
        rejectNonRetryable('acme/accountMissing', 'The Secret lets-encrypt-account is missing.'),
      );
      const handle = await startCluster(stage, view);
      await waitForState(stage, view, 'Waiting');
      stage.doubles.override('placeOrder', undefined);
      await handle.signal(dependencyChanged, { what: 'The Secret lets-encrypt-account was made.' });
      await waitForState(stage, view, 'Ready');
      return [idOf(view)];
    },
  },
  {
    name: 'failed-and-retried-by-its-timer',
    run: async (stage) => {
      const view = clusterView();
      stage.doubles.override('answerChallenges', () =>
        rejectNonRetryable('acme/unreachable', 'The CA does not answer.'),
      );
      await startCluster(stage, view);
      await waitForState(stage, view, 'Failing');
      stage.doubles.override('answerChallenges', undefined);
      await waitForState(stage, view, 'Ready');
      return [idOf(view)];
    },
  },
  {
    name: 'names-changed-in-mid-order',
    run: async (stage) => {
      const view = clusterView({ bundles: [bundleView('primary', 'wrong.example.com')] });
      holdPropagation(stage, 'wrong');
      const handle = await startCluster(stage, view);
      await waitForPublishedRecords(stage);
      await handle.signal(clusterObserved, { ...view, bundles: [bundleView('primary', 'right.example.com')] });
      await waitForState(stage, view, 'Ready');
      return [idOf(view)];
    },
  },
  {
    name: 'paused-in-mid-order-and-resumed',
    run: async (stage) => {
      const view = clusterView();
      holdPropagation(stage, 'api');
      const handle = await startCluster(stage, view);
      await waitForPublishedRecords(stage);
      await handle.signal(clusterObserved, { ...view, paused: true });
      await waitForState(stage, view, 'Paused');
      stage.doubles.override('verifyPropagation', undefined);
      await handle.signal(clusterObserved, view);
      await waitForState(stage, view, 'Ready');
      return [idOf(view)];
    },
  },
  {
    name: 'bundle-removed',
    run: async (stage) => {
      const view = clusterView({
        bundles: [bundleView('stays', 'a.example.com'), bundleView('goes', 'b.example.com')],
      });
      const handle = await startCluster(stage, view);
      await waitForStatus(stage, view, 'both ready', bothReady);
      await handle.signal(clusterObserved, { ...view, bundles: [bundleView('stays', 'a.example.com')] });
      await waitForStatus(stage, view, 'one gone', ({ bundles }) => bundles['goes'] === undefined);
      return [idOf(view)];
    },
  },
  {
    name: 'api-server-away',
    run: async (stage) => {
      const view = clusterView();
      let refusals = 0;
      stage.doubles.override('reportStatus', async () => {
        refusals += 1;
        if (refusals < 5) throw retryableFailure('kubernetes/unreachable', 'The API server does not answer.');
        await Promise.resolve();
      });
      await startCluster(stage, view);
      await waitFor('reported', () => refusals >= 5);
      await waitForState(stage, view, 'Ready');
      return [idOf(view)];
    },
  },
  {
    name: 'deleted-asleep',
    run: (stage) => decommissionWhen(stage, async (view) => waitForState(stage, view, 'Ready')),
  },
  {
    name: 'deleted-in-mid-order',
    run: (stage) => {
      holdPropagation(stage, 'api');
      return decommissionWhen(stage, () => waitForPublishedRecords(stage));
    },
  },
  {
    name: 'deleted-while-failing',
    run: (stage) => {
      stage.doubles.override('placeOrder', () =>
        rejectNonRetryable('acme/rejectedIdentifier', 'The CA refuses the name.'),
      );
      return decommissionWhen(stage, (view) => waitForState(stage, view, 'Waiting'));
    },
  },
  {
    name: 'deleted-with-the-certificate-still-at-the-ca',
    run: (stage) => {
      let asked = false;
      stage.doubles.override('finalizeOrder', () => {
        asked = true;
        return untilCancelled();
      });
      return decommissionWhen(stage, () => waitFor('asked', () => asked));
    },
  },
  {
    name: 'deleted-with-records-that-could-not-be-withdrawn',
    run: (stage) => {
      holdPropagation(stage, 'api');
      let refusals = 0;
      stage.doubles.override('withdrawTxtRecords', async () => {
        refusals += 1;
        if (refusals === 1) await rejectNonRetryable('dns/accessDenied', 'AWS refuses the credentials.');
        stage.doubles.published.clear();
      });
      return decommissionWhen(stage, () => waitForPublishedRecords(stage));
    },
  },
  {
    name: 'vanished',
    run: async (stage) => {
      const view = clusterView();
      const handle = await startCluster(stage, view);
      await waitForState(stage, view, 'Ready');
      await handle.signal(clusterGone);
      await handle.result();
      return [idOf(view)];
    },
  },
  {
    name: 'watch-that-failed-and-changed-hands',
    run: async ({ client, doubles, taskQueue }) => {
      const managementCluster = crypto.randomUUID();
      let attempts = 0;
      doubles.override('watchManagementCluster', async () => {
        attempts += 1;
        if (attempts === 1)
          await rejectNonRetryable('kubernetes/forbidden', 'The ServiceAccount may not list ClusterDeployments.');
        return await untilCancelled();
      });
      const workflowId = watchWorkflowId(managementCluster);
      const handle = await client.workflow.start('managementClusterWatch', {
        workflowId,
        taskQueue,
        args: [{ managementCluster }],
      });
      await waitFor('a second attempt', () => attempts === 2);
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

async function issueOnly(stage: ScenarioContext, view: ClusterView): Promise<readonly string[]> {
  await startAndWaitReady(stage, view);
  return [idOf(view)];
}

function bothReady({ bundles }: ClusterStatus): boolean {
  const records = Object.values(bundles);
  return records.length === 2 && records.every(({ state }) => state === 'Ready');
}
