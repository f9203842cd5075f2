/** What the Web UI shows of an order: the details of its workflow, while it is under way and afterwards. */
import { expect, test } from 'vitest';
import { issuanceWorkflowId } from '../../src/contract/ids.ts';
import { Gate } from '../support/faults/gate.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { clusterView } from '../support/workflows/cluster-views.ts';
import { useWorkflowHarness } from '../support/workflows/use-harness.ts';

const withHarness = useWorkflowHarness();

test.each([true, false])(
  'an order says why, and what is under way; fulfilled with its placement: %s',
  async (together) => {
    await withHarness(async (harness) => {
      const { doubles, env } = harness;
      const [publishing, mayPublish] = [new Gate(), new Gate()];
      doubles.fulfillsWithPlacement = together;
      doubles.override('publishTxtRecords', async () => {
        publishing.open();
        await mayPublish.opened;
        return { zoneId: 'Z1', nameServers: [] };
      });
      const view = clusterView();
      await harness.start(view);
      const order = env.client.workflow.getHandle(issuanceWorkflowId(view.identity, 'primary', 1));
      const details = async (): Promise<string> =>
        (await order.query<{ currentDetails: string }>('__temporal_workflow_metadata')).currentDetails;
      await publishing.opened;
      expect(await details()).toContain(
        together
          ? 'Reason: There is no certificate in the Secret yet.\n\nplaceOrder places the order'
          : 'publish 2 TXT records in example.com, verify propagation, answer 2 challenges, finalize, write Secret',
      );
      mayPublish.open();
      await eventually('the order is done', details, (text) => /^Issued .+ valid until /.test(text));
    });
  },
);
