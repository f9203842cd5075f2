/** What an order costs in Temporal: a number that must not grow. docs/decisions/workflow-cost.md has the reasons. */
import { expect, test } from 'vitest';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import { renew } from '../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId, issuanceWorkflowId } from '../../src/contract/ids.ts';
import { historyBytes } from '../support/temporal/history-json.ts';
import { clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const withHarness = useWorkflowHarness();

/** Payloads and all else of both histories. Measured: 14.3 kB. */
const MAX_BYTES = 15_500;

async function costOf({ env }: WorkflowHarness, workflowId: string) {
  const history = await env.client.workflow.getHandle(workflowId).fetchHistory();
  const { events } = history;
  const activities = (events ?? []).map((event) => event.activityTaskScheduledEventAttributes?.activityType?.name);
  return {
    events: events?.length,
    tasks: (events ?? []).filter(({ workflowTaskScheduledEventAttributes: of }) => of).length,
    activities: activities.filter(Boolean),
    bytes: historyBytes(history),
  };
}

async function issue(harness: WorkflowHarness): Promise<ClusterView> {
  const view = clusterView();
  await harness.start(view);
  // First: a query while a local activity runs is one workflow task more.
  await harness.untilAsleep(view);
  await untilReady(harness, view);
  return view;
}

test('an order has 11 events and one activity, and the run of its cluster 19 and none', async () => {
  await withHarness(async (harness) => {
    harness.doubles.reportsIssued = true;
    const { identity } = await issue(harness);
    const order = await costOf(harness, issuanceWorkflowId(identity, 'primary', 1));
    expect(order).toMatchObject({ events: 11, tasks: 2, activities: ['placeOrder'] });
    const cluster = await costOf(harness, clusterWorkflowId(identity));
    expect(cluster).toMatchObject({ events: 19, tasks: 3, activities: [] });
    expect(order.bytes + cluster.bytes).toBeLessThanOrEqual(MAX_BYTES);
    expect(harness.doubles.reports.map(({ state, event }) => [state, event?.reason])).toEqual([['Ready', 'Issued']]);
  });
});

test('an order that is not fulfilled with its placement has 17 events and two activities', async () => {
  await withHarness(async (harness) => {
    harness.doubles.fulfillsWithPlacement = false;
    const { identity } = await issue(harness);
    const order = await costOf(harness, issuanceWorkflowId(identity, 'primary', 1));
    expect(order).toMatchObject({ events: 17, tasks: 3, activities: ['placeOrder', 'fulfillOrder'] });
  });
});

test('a renewal is reported with its certificate, too, and the next run costs five events', async () => {
  await withHarness(async (harness) => {
    harness.doubles.reportsIssued = true;
    const view = await issue(harness);
    const handle = harness.env.client.workflow.getHandle(clusterWorkflowId(view.identity));
    await handle.executeUpdate(renew, { args: [{}] });
    await harness.untilAsleep(view);
    expect(harness.doubles.countOf('reportStatus')).toBe(0);
    expect(harness.doubles.reports.map(({ event }) => event?.reason)).toEqual(['Issued', 'Renewed']);
    // The run that it continued as: without a marker, it starts, sleeps, and is one task.
    expect(await costOf(harness, clusterWorkflowId(view.identity))).toMatchObject({ events: 5, tasks: 1 });
  });
});

test('what an order has not reported, its cluster reports', async () => {
  await withHarness(async (harness) => {
    const { doubles } = harness;
    await issue(harness);
    expect(doubles.countOf('reportStatus')).toBe(1);
  });
});
