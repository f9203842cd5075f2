/** Lives of the whole-life shape in which somebody steps in while something is under way. */
import { issuanceWorkflowId, renew, requestClaimed } from '../../../workflows/contract.ts';
import { bundleView, clusterView } from '../views.ts';
import { asleep, begin, hold, idOf, inState, type Life, published } from './life.ts';

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
];
