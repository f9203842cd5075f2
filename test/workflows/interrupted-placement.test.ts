/** An attempt that placed an order, and was interrupted while it went on with it: what it may have left is not forgotten. */
import { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import proto from '@temporalio/proto';
import { describe, expect, test } from 'vitest';
import { uniqueRecords } from '../../src/certificates/dns-name.ts';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import type { SealedTxtRecord } from '../../src/contract/activities/txt-records.ts';
import type { Activities } from '../../src/contract/activities.ts';
import type { BundleRecord } from '../../src/contract/bundle-record.ts';
import { clusterObserved, renew } from '../../src/contract/cluster-certificates.ts';
import { issuanceWorkflowId } from '../../src/contract/ids.ts';
import { untilCancelled } from '../support/temporal/until-cancelled.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { activityFailure } from '../support/workflows/activity-doubles.ts';
import { clusterView } from '../support/workflows/cluster-views.ts';
import { dieAfter, LOST_ORDER } from '../support/workflows/lost-placement.ts';
import { untilReady, useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const withHarness = useWorkflowHarness();

const ORDER = LOST_ORDER;
const ORDER_URL = ORDER.orderUrl;
const [RECORD] = ORDER.challenges.map(({ record }) => record);

function inputsOf<Name extends keyof Activities>({ doubles }: WorkflowHarness, activity: Name) {
  const calls = doubles.calls.filter((call) => call.activity === activity);
  return calls.map(({ input }) => input as Parameters<Activities[Name]>[0]);
}

/** The records that were withdrawn; on a slow machine, an activity may have a second attempt. */
function withdrawn(harness: WorkflowHarness): readonly SealedTxtRecord[] {
  return uniqueRecords(inputsOf(harness, 'withdrawTxtRecords').flatMap(({ records }) => records));
}

function issuanceOf({ env }: WorkflowHarness, { identity }: ClusterView) {
  return env.client.workflow.getHandle(issuanceWorkflowId(identity, 'primary', 1));
}

/** As one whose worker dies once it has heard of the cancellation. @param ended when the test is over. */
async function dieOnceCancelled(recorded: unknown, ended: Promise<void>): Promise<never> {
  const context = Context.current();
  const beat = setInterval(() => context.heartbeat(recorded), 100);
  await context.cancelled.catch(() => clearInterval(beat));
  await ended;
  throw new Error('its worker has not ended');
}

test('its order is continued by fulfillOrder, and no other is placed, where its worker dies', async () => {
  await withHarness(async (harness) => {
    const fulfilling = { step: 'verifyPropagation' };
    harness.doubles.override('placeOrder', () => dieAfter({ ...ORDER, ...fulfilling, fulfilling }));
    const view = clusterView();
    await harness.start(view);
    await untilReady(harness, view);
    expect(harness.doubles.countOf('placeOrder')).toBe(1);
    const { orderUrl, challenges } = ORDER;
    expect(inputsOf(harness, 'fulfillOrder')[0]).toMatchObject({
      orderUrl,
      challenges,
      begun: { recorded: fulfilling },
    });
    expect(withdrawn(harness)).toEqual([RECORD]);
  });
});

test('its order is resumed, and left to fulfillOrder, where its worker dies before it began', async () => {
  await withHarness(async (harness) => {
    harness.doubles.override('placeOrder', ({ resume }) =>
      resume === undefined ? dieAfter({ orderUrl: ORDER_URL }) : Promise.resolve(ORDER),
    );
    const view = clusterView();
    await harness.start(view);
    await untilReady(harness, view);
    const [first, second] = inputsOf(harness, 'placeOrder');
    expect(first?.fulfill).toBeDefined();
    expect(second?.fulfill).toBeUndefined();
    const [fulfilled] = inputsOf(harness, 'fulfillOrder');
    expect(fulfilled).toMatchObject({ orderUrl: ORDER_URL });
    expect(fulfilled?.begun).toBeUndefined();
  });
});

test('its records are withdrawn, and its certificate is revoked, where the cluster is deleted while its worker dies', async () => {
  await withHarness(async (harness) => {
    const { doubles } = harness;
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    doubles.override('placeOrder', () => dieOnceCancelled({ ...ORDER, step: 'finalizeOrder' }, ended));
    const view = clusterView();
    const handle = await harness.start(view);
    await eventually('the order is being placed', async () => doubles.countOf('placeOrder'), Boolean);
    await handle.signal(clusterObserved, { ...view, deleting: true });
    await handle.result().finally(end);
    expect(doubles.countOf('placeOrder')).toBe(1);
    expect(doubles.countOf('fulfillOrder')).toBe(0);
    expect(withdrawn(harness)).toEqual([RECORD]);
    expect(inputsOf(harness, 'revokeCertificates')[0]?.orders).toEqual([ORDER_URL]);
  });
});

test('no certificate is looked for where the cluster is deleted before its order was finalized', async () => {
  await withHarness(async (harness) => {
    const { doubles } = harness;
    let isPublishing = false;
    doubles.override('publishTxtRecords', () => {
      isPublishing = true;
      return untilCancelled();
    });
    const view = clusterView();
    const handle = await harness.start(view);
    await eventually('the records are being published', async () => isPublishing, Boolean);
    await handle.signal(clusterObserved, { ...view, deleting: true });
    await handle.result();
    expect(withdrawn(harness)).not.toEqual([]);
    const [revocation] = inputsOf(harness, 'revokeCertificates');
    expect(revocation).toBeDefined();
    expect(revocation?.orders).toBeUndefined();
  });
});

/** The order that each placed order resumed. */
const resumed = (harness: WorkflowHarness) => inputsOf(harness, 'placeOrder').map(({ resume }) => resume);

async function untilFailing(harness: WorkflowHarness, view: ClusterView): Promise<BundleRecord | undefined> {
  const { bundles } = await eventually(
    'Failing',
    () => harness.status(view),
    (status) => status.bundles['primary']?.state === 'Failing',
  );
  return bundles['primary'];
}

describe('an order that its placement could not read', () => {
  test('is resumed by the next attempt where the placement failed', async () => {
    await withHarness(async (harness) => {
      const failure = activityFailure('acme/unreachable', 'The CA does not answer.');
      Object.assign(failure, { details: [failure.details?.[0], { orderUrl: ORDER_URL }] });
      harness.doubles.override('placeOrder', () => Promise.reject(failure));
      const view = clusterView();
      const cluster = await harness.start(view);
      expect(await untilFailing(harness, view)).toMatchObject({ lastAttempt: { openOrder: ORDER_URL } });
      harness.doubles.override('placeOrder', undefined);
      await cluster.executeUpdate(renew, { args: [{}] });
      expect(resumed(harness)).toEqual([undefined, ORDER_URL]);
    });
  });

  test('is resumed by the next attempt where a person cancelled the issuance meanwhile', async () => {
    await withHarness(async (harness) => {
      const { doubles } = harness;
      doubles.override('placeOrder', () =>
        untilCancelled().catch(() => Promise.reject(new CancelledFailure('cancelled', [{ orderUrl: ORDER_URL }]))),
      );
      const view = clusterView();
      const cluster = await harness.start(view);
      await eventually('the order is being placed', async () => doubles.countOf('placeOrder'), Boolean);
      await issuanceOf(harness, view).cancel();
      await untilFailing(harness, view);
      doubles.override('placeOrder', undefined);
      await cluster.executeUpdate(renew, { args: [{}] });
      expect(resumed(harness)).toEqual([undefined, ORDER_URL]);
    });
  });
});

/** Its records are left to the sweep (docs/dns-sweep.md), and its staged key to the next order or the decommission. */
describe('an order that a person has taken from its placement is not known to its workflow, and the next one is placed', () => {
  /** An attempt that goes on with its order until it hears that it is to end. */
  async function goingOn(harness: WorkflowHarness) {
    const { doubles, env } = harness;
    doubles.override('placeOrder', async () => {
      const context = Context.current();
      const beat = setInterval(() => context.heartbeat({ ...ORDER, step: 'finalizeOrder' }), 100);
      return await context.cancelled.finally(() => clearInterval(beat));
    });
    const view = clusterView();
    const cluster = await harness.start(view);
    const issuance = issuanceOf(harness, view);
    const pendingActivity = async () => (await issuance.describe()).raw.pendingActivities?.[0];
    const pending = await eventually('the order is being fulfilled', pendingActivity, (activity) =>
      Boolean(activity?.heartbeatDetails?.payloads?.length),
    );
    const { namespace } = env.client.options;
    const { workflowId } = issuance;
    const activity = { namespace, activityId: pending?.activityId ?? '', workflowId };
    return { view, cluster, issuance, activity, service: env.client.workflowService };
  }

  async function expectAnotherOrder(
    harness: WorkflowHarness,
    { view, cluster }: Awaited<ReturnType<typeof goingOn>>,
  ): Promise<void> {
    harness.doubles.override('placeOrder', undefined);
    await cluster.executeUpdate(renew, { args: [{}] });
    await untilReady(harness, view);
    // It is ordered once more, not for each retry, and only what that order has published is withdrawn.
    expect(resumed(harness)).toEqual([undefined, undefined]);
    expect([...harness.doubles.published]).toEqual([]);
  }

  test('where the issuance is cancelled while the activity is paused', async () => {
    await withHarness(async (harness) => {
      const order = await goingOn(harness);
      const { activity, issuance, service, view } = order;
      const { namespace, workflowId, activityId: id } = activity;
      await service.pauseActivity({ namespace, execution: { workflowId }, id });
      await eventually(
        'paused',
        async () => (await issuance.describe()).raw.pendingActivities?.[0]?.state,
        (state) => state === proto.temporal.api.enums.v1.PendingActivityState.PENDING_ACTIVITY_STATE_PAUSED,
      );
      await issuance.cancel();
      expect(await untilFailing(harness, view)).toMatchObject({
        lastAttempt: { failure: { code: 'issuance/cancelled' } },
      });
      await expectAnotherOrder(harness, order);
    });
  });

  test('where the activity is failed by hand', async () => {
    await withHarness(async (harness) => {
      const order = await goingOn(harness);
      const failure = { message: 'By hand.', applicationFailureInfo: { nonRetryable: true } };
      await order.service.respondActivityTaskFailedById({ ...order.activity, failure });
      expect(await untilFailing(harness, order.view)).toMatchObject({
        lastAttempt: {
          failure: { code: 'internal/unexpected', message: expect.stringContaining('By hand.') as string },
        },
      });
      await expectAnotherOrder(harness, order);
    });
  });
});

test('records that an order could not withdraw, which its placement has fulfilled, are withdrawn by its workflow', async () => {
  await withHarness(async (harness) => {
    const { doubles } = harness;
    let attempts = 0;
    doubles.override('withdrawTxtRecords', ({ records }) => {
      attempts += 1;
      if (attempts === 1) throw ApplicationFailure.nonRetryable('not now', 'dns/unreachable');
      for (const { name, value } of records) doubles.published.delete(`${name} ${value}`);
      return Promise.resolve();
    });
    const view = clusterView();
    await harness.start(view);
    await untilReady(harness, view);
    expect(doubles.countOf('placeOrder')).toBe(1);
    expect(attempts).toBe(2);
    expect([...doubles.published]).toEqual([]);
  });
});
