/** An order that waits for a limit that all orders share: the instant that is shown is the instant that is used. */
import { expect, test } from 'vitest';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import type { OrderTurn, PlaceOrderInput } from '../../src/contract/activities/acme.ts';
import type { ReportStatusInput } from '../../src/contract/activities/kubernetes.ts';
import { type BundleRecord, failedAttemptsOf, nextAttemptOf } from '../../src/contract/bundle-record.ts';
import { clusterObserved, dependencyChanged, renew } from '../../src/contract/cluster-certificates.ts';
import { startTimeSkippingEnvironment } from '../support/temporal/temporal-server.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { activityFailure } from '../support/workflows/activity-doubles.ts';
import { clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const withHarness = useWorkflowHarness();
/** An hour passes when a test has seen what it waits for. */
const withSkippedTime = useWorkflowHarness(startTimeSkippingEnvironment);

const HOUR_MS = 3_600_000;

async function untilState(harness: WorkflowHarness, view: ClusterView, state: string): Promise<BundleRecord> {
  const { bundles } = await eventually(
    state,
    () => harness.status(view),
    (status) => status.bundles['primary']?.state === state,
  );
  return bundles['primary'] as BundleRecord;
}

/** @param turn when the order may be placed. */
async function startWaitingForTurn(harness: WorkflowHarness, view: ClusterView, turn: Date) {
  harness.doubles.override('placeOrder', () =>
    Promise.reject(activityFailure('rateLimit/newOrders', 'others first', turn)),
  );
  const cluster = await harness.start(view);
  await untilState(harness, view, 'Waiting');
  return cluster;
}

function turnsOf(harness: WorkflowHarness): readonly (OrderTurn | undefined)[] {
  const orders = harness.doubles.calls.filter(({ activity }) => activity === 'placeOrder');
  return orders.map(({ input }) => (input as PlaceOrderInput).turn);
}

async function evaluateAgain(harness: WorkflowHarness, change: () => Promise<unknown>): Promise<void> {
  const before = harness.doubles.countOf('applyCertificateRequest');
  await change();
  await eventually(
    'evaluated',
    async () => harness.doubles.countOf('applyCertificateRequest'),
    (count) => count > before,
  );
}

test('an order is placed at the turn that is shown, and says then which it had', async () => {
  await withSkippedTime(async (harness) => {
    const view = clusterView();
    const turn = new Date((await harness.env.currentTimeMs()) + HOUR_MS);
    harness.doubles.override('placeOrder', () => {
      harness.doubles.override('placeOrder', undefined);
      return Promise.reject(activityFailure('rateLimit/newOrders', 'others first', turn));
    });
    await harness.start(view);
    const waiting = await untilState(harness, view, 'Waiting');
    expect(nextAttemptOf(waiting)).toBe(turn.toISOString());
    expect(failedAttemptsOf(waiting)).toBe(0);
    const report = await eventually(
      'the report of the turn',
      async () => harness.doubles.reports.find(({ event }) => event?.reason === 'OrderScheduled'),
      Boolean,
    );
    expect(report?.event?.type).toBe('Normal');
    expect(report?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Failing', status: 'False', reason: 'NoFailure' }),
    );
    expect(report?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Ready', status: 'False', reason: 'RateLimitNewOrders' }),
    );
    expect(harness.doubles.countOf('placeOrder')).toBe(1);
    await harness.advanceTime(HOUR_MS);
    await untilReady(harness, view);
    expect(turnsOf(harness)).toEqual([undefined, { code: 'rateLimit/newOrders', at: turn.toISOString() }]);
  });
});

test('a change does not move a turn; an operator’s request asks again, and keeps it', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    const turn = new Date(Date.now() + 48 * HOUR_MS);
    const cluster = await startWaitingForTurn(harness, view, turn);
    await evaluateAgain(harness, () => cluster.signal(dependencyChanged, { what: 'a test' }));
    expect(harness.doubles.countOf('placeOrder')).toBe(1);
    await harness.untilAsleep(view);
    await expect(cluster.executeUpdate(renew, { args: [{}] })).rejects.toThrow();
    expect(turnsOf(harness)).toEqual([undefined, { code: 'rateLimit/newOrders', at: turn.toISOString() }]);
    expect(nextAttemptOf(await untilState(harness, view, 'Waiting'))).toBe(turn.toISOString());
  });
});

test('a change does not undo how attempts are spread after a Retry-After', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    const stated = new Date(Date.now() + 48 * HOUR_MS);
    harness.doubles.override('placeOrder', () =>
      Promise.reject(activityFailure('acme/rateLimited', 'too many certificates', stated)),
    );
    const cluster = await harness.start(view);
    const spread = nextAttemptOf(await untilState(harness, view, 'Failing'));
    expect(Date.parse(spread ?? '')).toBeGreaterThan(stated.getTime());
    await evaluateAgain(harness, () => cluster.signal(dependencyChanged, { what: 'a test' }));
    expect(nextAttemptOf(await untilState(harness, view, 'Failing'))).toBe(spread);
  });
});

test('an order for names that the CA has issued for says that it is a renewal, also where the Secret was lost', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    const cluster = await harness.start(view);
    await untilReady(harness, view);
    harness.doubles.secrets.clear();
    await evaluateAgain(harness, () => cluster.signal(dependencyChanged, { what: 'a test' }));
    await eventually(
      'ordered again',
      async () => harness.doubles.countOf('installCertificate'),
      (count) => count === 2,
    );
    const orders = harness.doubles.calls.filter(({ activity }) => activity === 'placeOrder');
    expect(orders.map(({ input }) => (input as PlaceOrderInput).renewal)).toEqual([undefined, true]);
  });
});

test.each(['outgoing', 'incoming', 'complete'] as const)(
  'a cluster whose relocation is %s gives up the turn of its order, once, and writes nothing',
  async (relocation) => {
    await withHarness(async (harness) => {
      const view = clusterView();
      const turn = new Date(Date.now() + 48 * HOUR_MS);
      const cluster = await startWaitingForTurn(harness, view, turn);
      await harness.untilAsleep(view);
      const reports = harness.doubles.countOf('reportStatus');
      await cluster.signal(clusterObserved, { ...view, relocation });
      await untilState(harness, view, 'Paused');
      await harness.untilAsleep(view);
      await cluster.signal(dependencyChanged, { what: 'a test' });
      await harness.untilAsleep(view);
      const released = harness.doubles.calls.filter(({ activity }) => activity === 'releaseTurn');
      expect(released.map(({ input }) => input)).toEqual([{ cluster: view.identity, bundleName: 'primary' }]);
      expect(harness.doubles.countOf('reportStatus')).toBe(reports);
    });
  },
);

test('a turn that cannot be released holds up neither a relocation nor its end', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    const turn = new Date(Date.now() + 48 * HOUR_MS);
    harness.doubles.override('placeOrder', () =>
      Promise.reject(activityFailure('rateLimit/newOrders', 'others first', turn)),
    );
    harness.doubles.override('releaseTurn', () => Promise.reject(activityFailure('internal/unexpected', 'broken')));
    const cluster = await harness.start(view);
    await untilState(harness, view, 'Waiting');
    await cluster.signal(clusterObserved, { ...view, relocation: 'outgoing' });
    await untilState(harness, view, 'Paused');
    await harness.untilAsleep(view);
    harness.doubles.override('placeOrder', undefined);
    await cluster.signal(clusterObserved, view);
    await untilState(harness, view, 'Ready');
  });
});

test('a cluster that is paused gives up the turn of its order, once', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    const turn = new Date(Date.now() + 48 * HOUR_MS);
    const cluster = await startWaitingForTurn(harness, view, turn);
    await cluster.signal(clusterObserved, { ...view, paused: true });
    await untilState(harness, view, 'Paused');
    await harness.untilAsleep(view);
    await cluster.signal(dependencyChanged, { what: 'a test' });
    await harness.untilAsleep(view);
    const reports = harness.doubles.calls.filter(({ activity }) => activity === 'reportStatus');
    const released = reports.filter(({ input }) => (input as ReportStatusInput).releasesTurn === true);
    expect(released.map(({ input }) => (input as ReportStatusInput).report.state)).toEqual(['Paused']);
    // It asks for another one at once: the old instant may be another order's.
    harness.doubles.override('placeOrder', undefined);
    await cluster.signal(clusterObserved, view);
    await untilState(harness, view, 'Ready');
    const orders = harness.doubles.calls.filter(({ activity }) => activity === 'placeOrder');
    expect(orders.map(({ input }) => (input as PlaceOrderInput).turn)).toEqual([undefined, undefined]);
  });
});
