/** Lives of the whole-life shape in which somebody steps in while something is under way. */
import type { ClusterView } from '../../../src/clusters/cluster-view.ts';
import { clusterObserved, issuanceWorkflowId, release, renew, requestClaimed } from '../../../workflows/contract.ts';
import { bundleView, clusterView } from '../views.ts';
import { asleep, begin, hold, idOf, inState, type Life, published, refuse, type Stage, seen, until } from './life.ts';

export const INTERVENTIONS: readonly Life[] = [
  {
    name: 'standalone-request-claimed-in-mid-order',
    live: async (stage) => {
      const { identity } = clusterView();
      const view = clusterView({
        identity: { ...identity, name: 'shop', kind: 'CertificateRequest' },
        bundles: [{ ...bundleView('primary', 'shop.example.com'), requestName: 'shop' }],
      });
      hold(stage, 'shop');
      const handle = await begin(stage, view);
      await published(stage);
      await handle.signal(requestClaimed, { clusterDeployment: 'c1' });
      await handle.result();
      return [idOf(view)];
    },
  },
  {
    name: 'issuance-cancelled-by-somebody',
    live: async (stage) => {
      const view = clusterView();
      hold(stage, 'api');
      const handle = await begin(stage, view);
      await published(stage);
      await stage.client.workflow.getHandle(issuanceWorkflowId(view.identity, 'primary', 1)).cancel();
      await inState(stage, view, 'Failing');
      stage.doubles.when('verifyPropagation', undefined);
      await handle.executeUpdate(renew, { args: [{}] });
      await asleep(stage, view);
      return [idOf(view)];
    },
  },
  {
    name: 'bundle-removed-and-put-back',
    live: async (stage) => {
      const view = await withoutOneBundle(stage);
      await stage.client.workflow.getHandle(idOf(view)).signal(clusterObserved, view);
      await until(stage, view, 'served anew', ({ bundles }) => bundles['goes']?.certificate?.serialNumber === '1002');
      return [idOf(view)];
    },
  },
  {
    name: 'bundle-removed-and-let-go-by-an-operator',
    live: async (stage) => {
      const view = await withoutOneBundle(stage);
      await stage.client.workflow.getHandle(idOf(view)).executeUpdate(release);
      await until(stage, view, 'one gone', ({ bundles }) => bundles['goes'] === undefined);
      return [idOf(view)];
    },
  },
];

/** Two bundles, of which one was taken out while the CA is away. @returns the view that has both. */
async function withoutOneBundle(stage: Stage): Promise<ClusterView> {
  const stays = bundleView('stays', 'a.example.com');
  const view = clusterView({ bundles: [stays, bundleView('goes', 'b.example.com')] });
  const handle = await asleep(stage, view);
  stage.doubles.when('revokeCertificates', () => refuse('acme/unreachable', 'The CA does not answer.'));
  await handle.signal(clusterObserved, { ...view, bundles: [stays] });
  await seen('told that it is blocked', () =>
    stage.doubles.reports.some(({ event }) => event?.reason === 'DecommissionBlocked'),
  );
  return view;
}
