/** Scenarios of every day: a first certificate, renewals, failures, changes under way, decommissions. */

import type { ClusterView } from '../../../../src/clusters/cluster-view.ts';
import {
  type ClusterStatus,
  clusterGone,
  clusterObserved,
  dependencyChanged,
  renew,
} from '../../../../src/contract/cluster-certificates.ts';
import { watchWorkflowId } from '../../../../src/contract/ids.ts';
import { watchTakenOver } from '../../../../src/contract/management-cluster-watch.ts';
import { untilCancelled } from '../../temporal/until-cancelled.ts';
import { bundleView, clusterView } from '../../workflows/cluster-views.ts';
import { offerPersistence } from '../../workflows/persistent-challenges.ts';
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

export const EVERYDAY: readonly HistoryScenario[] = [
  {
    name: 'issued',
    run: (context) => {
      context.doubles.reportsIssued = true;
      return issueOnly(context, clusterView());
    },
  },
  {
    name: 'two-bundles',
    run: (context) =>
      issueOnly(context, clusterView({ bundles: [bundleView('one', 'a.example.com'), bundleView('two')] })),
  },
  {
    name: 'renewed-by-timer',
    run: async (context) => {
      const view = clusterView();
      context.doubles.lifetimeDays = 8_000 / DAY_MS;
      await startCluster(context, view);
      await waitForState(context, view, 'Ready');
      context.doubles.lifetimeDays = 90;
      await waitForStatus(
        context,
        view,
        'renewed',
        ({ bundles }) => bundles['primary']?.certificate?.serialNumber === '1001',
      );
      return await waitForContinueAsNew(context, view);
    },
  },
  {
    name: 'renewed-by-operator',
    run: async (context) => {
      const view = clusterView();
      context.doubles.reportsIssued = true;
      const handle = await startCluster(context, view);
      await waitForState(context, view, 'Ready');
      await handle.executeUpdate(renew, { args: [{}] });
      return await waitForContinueAsNew(context, view);
    },
  },
  {
    name: 'persistent-records',
    run: async (context) => {
      const view = clusterView();
      offerPersistence(context.doubles);
      const handle = await startCluster(context, view);
      await waitForState(context, view, 'Ready');
      await handle.executeUpdate(renew, { args: [{}] });
      const ids = await waitForContinueAsNew(context, view);
      const last = context.client.workflow.getHandle(idOf(view));
      await last.signal(clusterObserved, { ...view, deleting: true });
      await last.result();
      return ids;
    },
  },
  {
    name: 'rejected-and-corrected',
    run: async (context) => {
      const view = clusterView();
      context.doubles.override('placeOrder', () =>
        rejectNonRetryable('acme/accountMissing', 'The Secret lets-encrypt-account is missing.'),
      );
      const handle = await startCluster(context, view);
      await waitForState(context, view, 'Waiting');
      context.doubles.override('placeOrder', undefined);
      await handle.signal(dependencyChanged, { what: 'The Secret lets-encrypt-account was made.' });
      await waitForState(context, view, 'Ready');
      return [idOf(view)];
    },
  },
  {
    name: 'failed-and-retried-by-timer',
    run: async (context) => {
      const view = clusterView();
      context.doubles.override('answerChallenges', () =>
        rejectNonRetryable('acme/unreachable', 'The CA does not answer.'),
      );
      await startCluster(context, view);
      await waitForState(context, view, 'Failing');
      context.doubles.override('answerChallenges', undefined);
      await waitForState(context, view, 'Ready');
      return [idOf(view)];
    },
  },
  {
    name: 'proved-at-staging',
    run: async (context) => {
      const view = clusterView();
      context.doubles.stagingHost = 'staging.test';
      context.doubles.override('answerChallenges', () =>
        rejectNonRetryable('acme/challengeFailed', 'The TXT record is missing.'),
      );
      await startCluster(context, view);
      await waitForState(context, view, 'Failing');
      context.doubles.override('answerChallenges', undefined);
      await waitForState(context, view, 'Ready');
      return [idOf(view)];
    },
  },
  {
    name: 'names-changed-during-order',
    run: async (context) => {
      const view = clusterView({ bundles: [bundleView('primary', 'wrong.example.com')] });
      holdPropagation(context, 'wrong');
      const handle = await startCluster(context, view);
      await waitForPublishedRecords(context);
      await handle.signal(clusterObserved, { ...view, bundles: [bundleView('primary', 'right.example.com')] });
      await waitForState(context, view, 'Ready');
      return [idOf(view)];
    },
  },
  {
    name: 'paused-during-order-and-resumed',
    run: async (context) => {
      const view = clusterView();
      holdPropagation(context, 'api');
      const handle = await startCluster(context, view);
      await waitForPublishedRecords(context);
      await handle.signal(clusterObserved, { ...view, paused: true });
      await waitForState(context, view, 'Paused');
      context.doubles.override('verifyPropagation', undefined);
      await handle.signal(clusterObserved, view);
      await waitForState(context, view, 'Ready');
      return [idOf(view)];
    },
  },
  {
    name: 'bundle-removed',
    run: async (context) => {
      const view = clusterView({
        bundles: [bundleView('stays', 'a.example.com'), bundleView('goes', 'b.example.com')],
      });
      const handle = await startCluster(context, view);
      await waitForStatus(context, view, 'both ready', bothReady);
      await handle.signal(clusterObserved, { ...view, bundles: [bundleView('stays', 'a.example.com')] });
      await waitForStatus(context, view, 'one gone', ({ bundles }) => bundles['goes'] === undefined);
      return [idOf(view)];
    },
  },
  {
    name: 'bundle-removed-then-deleted',
    run: async (context) => {
      const [stays, goes] = [bundleView('stays', 'a.example.com'), bundleView('goes', 'b.example.com')];
      const view = clusterView({ bundles: [stays, goes] });
      const handle = await startCluster(context, view);
      await waitForStatus(context, view, 'both ready', bothReady);
      await handle.signal(clusterObserved, { ...view, bundles: [stays] });
      await waitForStatus(context, view, 'one gone', ({ bundles }) => bundles['goes'] === undefined);
      await handle.signal(clusterObserved, { ...view, bundles: [stays], deleting: true });
      await handle.result();
      return [idOf(view)];
    },
  },
  {
    name: 'api-server-unavailable',
    run: async (context) => {
      const view = clusterView();
      let refusals = 0;
      context.doubles.override('reportStatus', async () => {
        refusals += 1;
        if (refusals < 5) throw retryableFailure('kubernetes/unreachable', 'The API server does not answer.');
        await Promise.resolve();
      });
      await startCluster(context, view);
      await waitFor('reported', () => refusals >= 5);
      await waitForState(context, view, 'Ready');
      return [idOf(view)];
    },
  },
  {
    name: 'deleted-asleep',
    run: (context) => decommissionWhen(context, async (view) => waitForState(context, view, 'Ready')),
  },
  {
    name: 'deleted-during-order',
    run: (context) => {
      holdPropagation(context, 'api');
      return decommissionWhen(context, () => waitForPublishedRecords(context));
    },
  },
  {
    name: 'deleted-while-failing',
    run: (context) => {
      context.doubles.override('placeOrder', () =>
        rejectNonRetryable('acme/rejectedIdentifier', 'The CA refuses the name.'),
      );
      return decommissionWhen(context, (view) => waitForState(context, view, 'Waiting'));
    },
  },
  {
    name: 'deleted-with-unclaimed-certificate',
    run: (context) => {
      let asked = false;
      context.doubles.override('finalizeOrder', () => {
        asked = true;
        return untilCancelled();
      });
      return decommissionWhen(context, () => waitFor('asked', () => asked));
    },
  },
  {
    name: 'deleted-with-leftover-records',
    run: (context) => {
      holdPropagation(context, 'api');
      let refusals = 0;
      context.doubles.override('withdrawTxtRecords', async () => {
        refusals += 1;
        if (refusals === 1) await rejectNonRetryable('dns/accessDenied', 'AWS refuses the credentials.');
        context.doubles.published.clear();
      });
      return decommissionWhen(context, () => waitForPublishedRecords(context));
    },
  },
  {
    name: 'vanished',
    run: async (context) => {
      const view = clusterView();
      const handle = await startCluster(context, view);
      await waitForState(context, view, 'Ready');
      await handle.signal(clusterGone);
      await handle.result();
      return [idOf(view)];
    },
  },
  {
    name: 'watch-failed-and-taken-over',
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
      const current = client.workflow.getHandle(workflowId);
      await current.signal(watchTakenOver, { worker: 'certman-a' });
      await current.signal(watchTakenOver, { worker: 'certman-b' });
      await current.cancel();
      await handle.result().catch(() => undefined);
      return [workflowId];
    },
  },
];

async function issueOnly(context: ScenarioContext, view: ClusterView): Promise<readonly string[]> {
  await startAndWaitReady(context, view);
  return [idOf(view)];
}

function bothReady({ bundles }: ClusterStatus): boolean {
  const records = Object.values(bundles);
  return records.length === 2 && records.every(({ state }) => state === 'Ready');
}
