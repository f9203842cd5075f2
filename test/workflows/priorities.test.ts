/**
 * Which activity gets a slot that becomes free, on the real server with priorities: a worker has one slot. When an activity
 * ends, its workflow schedules the next one only after another has got the slot: at each step one may come in between.
 */
import { Context } from '@temporalio/activity';
import { expect, test } from 'vitest';
import type { Activities } from '../../src/contract/activities.ts';
import { clusterObserved, dependencyChanged, renew } from '../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId, issuanceWorkflowId } from '../../src/contract/ids.ts';
import { PRIORITIES } from '../../src/contract/priorities.ts';
import { Gate } from '../support/faults/gate.ts';
import { startEnvironment } from '../support/temporal/temporal-server.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const withHarness = useWorkflowHarness(() => startEnvironment({ priorities: true }), 1);

const NEW_CLUSTERS = 5;
/** DescribeTaskQueue, `TaskQueueType`. */
const ACTIVITY = 2;

const OF_AN_ORDER: readonly (keyof Activities)[] = ['applyCertificateRequests', 'placeOrder', 'fulfillOrder'];

function currentWorkflowId(): string | undefined {
  return Context.current().info.workflowExecution?.workflowId;
}

/** How many activities wait for the slot, by their priority. */
async function waiting({ env, taskQueue }: WorkflowHarness): Promise<Readonly<Record<string, number>>> {
  const { statsByPriorityKey } = await env.client.workflowService.describeTaskQueue({
    namespace: env.namespace ?? 'default',
    taskQueue: { name: taskQueue },
    // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- the enum is in no package that this one depends on
    taskQueueType: ACTIVITY,
    reportStats: true,
  });
  return Object.fromEntries(
    Object.entries(statsByPriorityKey).map(([key, stats]) => [key, Number(stats.approximateBacklogCount)]),
  );
}

async function untilWaiting(harness: WorkflowHarness, priority: { readonly priorityKey: number }, count = 1) {
  const { priorityKey } = priority;
  await eventually(
    `${count} waiting with priority ${priorityKey}`,
    () => waiting(harness),
    (found) => (found[priorityKey] ?? 0) >= count,
  );
}

test('an order is completed before another cluster is begun, however long that waits', async () => {
  await withHarness(async (harness) => {
    const [first, ...others] = [clusterView(), ...Array.from({ length: NEW_CLUSTERS }, () => clusterView())];
    const placed = new Gate();
    const ran: string[] = [];
    harness.doubles.evaluatesInFirstTask = false;
    // As where it takes waits.
    harness.doubles.fulfillsWithPlacement = false;
    harness.doubles.before = async (activity) => {
      if (!OF_AN_ORDER.includes(activity)) return;
      const isFirst = (currentWorkflowId() ?? '').includes(first.identity.uid);
      ran.push(`${isFirst ? 'first' : 'other'}: ${activity}`);
      if (isFirst && activity === 'placeOrder') await placed.opened;
      // Until what the first one needs next can be chosen.
      if (!isFirst && !ran.includes('first: fulfillOrder')) await untilWaiting(harness, PRIORITIES.orderUnderWay);
    };
    await harness.start(first);
    await eventually(
      'the order is being placed',
      async () => ran.length,
      (count) => count === 2,
    );
    for (const other of others) await harness.start(other);
    await untilWaiting(harness, PRIORITIES.firstObservation, NEW_CLUSTERS);
    placed.open();
    await untilReady(harness, first);
    const order = ran.slice(0, ran.indexOf('first: fulfillOrder'));
    expect(order.filter((one) => one.startsWith('first'))).toEqual([
      'first: applyCertificateRequests',
      'first: placeOrder',
    ]);
    expect(order.filter((one) => one.startsWith('other')).length, order.join(', ')).toBeLessThanOrEqual(2);
  });
});

test('a deletion goes before new clusters', async () => {
  await withHarness(async (harness) => {
    const { doubles, env } = harness;
    const deleted = clusterView();
    await harness.start(deleted);
    await untilReady(harness, deleted);
    await harness.untilAsleep(deleted);
    const begun = new Gate();
    doubles.evaluatesInFirstTask = false;
    doubles.before = async (activity) => {
      if (activity === 'applyCertificateRequests') await begun.opened;
    };
    for (let count = 0; count <= NEW_CLUSTERS; count += 1) await harness.start(clusterView());
    await untilWaiting(harness, PRIORITIES.firstObservation, NEW_CLUSTERS);
    const handle = env.client.workflow.getHandle(clusterWorkflowId(deleted.identity));
    await handle.signal(clusterObserved, { ...deleted, deleting: true });
    await untilWaiting(harness, PRIORITIES.urgent);
    begun.open();
    await handle.result();
    const calls = doubles.calls.map(({ activity }) => activity);
    const before = calls.slice(0, calls.indexOf('decommissionRules'));
    expect(before.filter((name) => name === 'applyCertificateRequests')).toHaveLength(2);
  });
});

test('an order is placed after those under way, a renewal before a new cluster, and an urgent one first', async () => {
  await withHarness(async (harness) => {
    const { doubles, env } = harness;
    doubles.fulfillsWithPlacement = false;
    const view = clusterView();
    const handle = await harness.start(view);
    const prioritiesOf = async (count: number) => {
      await eventually(
        `certificate ${count}`,
        async () => doubles.issued.length,
        (issued) => issued === count,
      );
      await untilReady(harness, view);
      const order = env.client.workflow.getHandle(issuanceWorkflowId(view.identity, 'primary', count));
      const { events } = await order.fetchHistory();
      const started = events?.[0]?.workflowExecutionStartedEventAttributes?.priority;
      const scheduled = (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: of }) => (of ? [of] : []));
      return {
        order: started?.priorityKey,
        fairnessKey: started?.fairnessKey,
        ...Object.fromEntries(scheduled.map((of) => [of.activityType?.name, of.priority?.priorityKey || 'inherited'])),
      };
    };
    // From the workflow of the cluster.
    const usual = { fulfillOrder: 'inherited', fairnessKey: view.identity.namespace };
    expect(await prioritiesOf(1)).toEqual({ order: 2, placeOrder: 4, ...usual });
    await handle.executeUpdate(renew, { args: [{}] });
    expect(await prioritiesOf(2)).toEqual({ order: 2, placeOrder: 3, ...usual });
    await harness.untilAsleep(view);
    doubles.secrets.set('primary-cert', { kind: 'missing' });
    await handle.signal(dependencyChanged, { what: 'The Secret was deleted.' });
    expect(await prioritiesOf(3)).toEqual({ order: 1, placeOrder: 'inherited', ...usual });
  });
});
