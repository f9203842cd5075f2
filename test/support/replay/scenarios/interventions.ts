/** Lives of the whole-life shape in which somebody steps in while something is under way. */
import type { ClusterView } from '../../../../src/clusters/cluster-view.ts';
import {
  clusterObserved,
  issuanceWorkflowId,
  release,
  renew,
  requestClaimed,
} from '../../../../src/contract/cluster-certificates.ts';
import { bundleView, clusterView } from '../../workflows/cluster-views.ts';
import {
  type HistoryScenario,
  holdPropagation,
  idOf,
  rejectNonRetryable,
  type ScenarioContext,
  startAndWaitReady,
  startCluster,
  waitFor,
  waitForPublishedRecords,
  waitForState,
  waitForStatus,
} from './scenario.ts';

export const INTERVENTIONS: readonly HistoryScenario[] = [
  {
    name: 'standalone-request-claimed-in-mid-order',
    run: async (stage) => {
      const { identity } = clusterView();
      const view = clusterView({
        identity: { ...identity, name: 'shop', kind: 'CertificateRequest' },
        bundles: [{ ...bundleView('primary', 'shop.example.com'), requestName: 'shop' }],
      });
      holdPropagation(stage, 'shop');
      const handle = await startCluster(stage, view);
      await waitForPublishedRecords(stage);
      await handle.signal(requestClaimed, { clusterDeployment: 'c1' });
      await handle.result();
      return [idOf(view)];
    },
  },
  {
    name: 'issuance-cancelled-by-somebody',
    run: async (stage) => {
      const view = clusterView();
      holdPropagation(stage, 'api');
      const handle = await startCluster(stage, view);
      await waitForPublishedRecords(stage);
      await stage.client.workflow.getHandle(issuanceWorkflowId(view.identity, 'primary', 1)).cancel();
      await waitForState(stage, view, 'Failing');
      stage.doubles.override('verifyPropagation', undefined);
      await handle.executeUpdate(renew, { args: [{}] });
      await startAndWaitReady(stage, view);
      return [idOf(view)];
    },
  },
  {
    name: 'bundle-removed-and-put-back',
    run: async (stage) => {
      const view = await removeOneBundle(stage);
      await stage.client.workflow.getHandle(idOf(view)).signal(clusterObserved, view);
      await waitForStatus(
        stage,
        view,
        'served anew',
        ({ bundles }) => bundles['goes']?.certificate?.serialNumber === '1002',
      );
      return [idOf(view)];
    },
  },
  {
    name: 'bundle-removed-and-let-go-by-an-operator',
    run: async (stage) => {
      const view = await removeOneBundle(stage);
      await stage.client.workflow.getHandle(idOf(view)).executeUpdate(release);
      await waitForStatus(stage, view, 'one gone', ({ bundles }) => bundles['goes'] === undefined);
      return [idOf(view)];
    },
  },
];

/** Two bundles, of which one was taken out while the CA is away. @returns the view that has both. */
async function removeOneBundle(stage: ScenarioContext): Promise<ClusterView> {
  const stays = bundleView('stays', 'a.example.com');
  const view = clusterView({ bundles: [stays, bundleView('goes', 'b.example.com')] });
  const handle = await startAndWaitReady(stage, view);
  stage.doubles.override('revokeCertificates', () => rejectNonRetryable('acme/unreachable', 'The CA does not answer.'));
  await handle.signal(clusterObserved, { ...view, bundles: [stays] });
  await waitFor('told that it is blocked', () =>
    stage.doubles.reports.some(({ event }) => event?.reason === 'DecommissionBlocked'),
  );
  return view;
}
