/** What an order costs in Temporal: a number that must not grow. docs/decisions/workflow-cost.md has the reasons. */
import { expect, test } from 'vitest';
import { issuanceWorkflowId } from '../../src/contract/ids.ts';
import { clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness } from '../support/workflows/use-harness.ts';

const withHarness = useWorkflowHarness();

test('an order has 25 events and three activities', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    await harness.start(view);
    await untilReady(harness, view);
    const order = harness.env.client.workflow.getHandle(issuanceWorkflowId(view.identity, 'primary', 1));
    const { events = [] } = await order.fetchHistory();
    expect(events?.length).toBeLessThanOrEqual(25);
    const activities = (events ?? []).map((event) => event.activityTaskScheduledEventAttributes?.activityType?.name);
    expect(activities.filter(Boolean)).toEqual(['placeOrder', 'publishAndVerify', 'completeOrder']);
  });
});
