/** An issuance that a person ends, in the Web UI or with Temporal's CLI, is not restarted at once. */
import { describe, expect, test } from 'vitest';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import type { PlaceOrderInput } from '../../src/contract/activities/acme.ts';
import { type BundleRecord, lastAttemptOf, nextAttemptOf } from '../../src/contract/bundle-record.ts';
import { clusterObserved, dependencyChanged, renew } from '../../src/contract/cluster-certificates.ts';
import { issuanceWorkflowId } from '../../src/contract/ids.ts';
import { untilCancelled } from '../support/temporal/until-cancelled.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { retryableFailure } from '../support/workflows/activity-doubles.ts';
import { bundleView, clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const withHarness = useWorkflowHarness();

const MINUTE_MS = 60_000;

/** An order whose records are published and do not propagate. */
async function inMidOrder(harness: WorkflowHarness) {
  const view = clusterView();
  harness.doubles.override('verifyPropagation', () => Promise.reject(retryableFailure()));
  const cluster = await harness.start(view);
  await eventually(
    'published',
    async () => harness.doubles.published.size,
    (size) => size === 2,
  );
  return { view, cluster, issuance: issuanceOf(harness, view, 1) };
}

function issuanceOf(harness: WorkflowHarness, view: ClusterView, attempt: number) {
  return harness.env.client.workflow.getHandle(issuanceWorkflowId(view.identity, 'primary', attempt));
}

/** The order that each placed order resumed. */
function resumed(harness: WorkflowHarness): readonly (string | undefined)[] {
  const orders = harness.doubles.calls.filter(({ activity }) => activity === 'placeOrder');
  return orders.map(({ input }) => (input as PlaceOrderInput).resume);
}

async function failing(harness: WorkflowHarness, view: ClusterView): Promise<BundleRecord> {
  const { bundles } = await eventually(
    'Failing',
    () => harness.status(view),
    (status) => status.bundles['primary']?.state === 'Failing',
  );
  return bundles['primary'] as BundleRecord;
}

/** Waits until the cluster has been evaluated again. */
async function untilEvaluatedAgain(harness: WorkflowHarness, evaluations: number): Promise<void> {
  await eventually(
    'evaluated again',
    async () => harness.doubles.countOf('applyCertificateRequest'),
    (count) => count > evaluations,
  );
}

describe.each(['cancel', 'terminate'] as const)(
  'an issuance that a person ends by %s is retried by the schedule',
  (end) => {
    async function ended(harness: WorkflowHarness) {
      const { view, cluster, issuance } = await inMidOrder(harness);
      harness.doubles.override('verifyPropagation', undefined);
      await issuance[end]();
      const nextAttempt = nextAttemptOf(await failing(harness, view));
      return { view, cluster, nextAttempt };
    }

    const other = (view: ClusterView): ClusterView => ({
      ...view,
      bundles: [bundleView('primary', 'new.example.com')],
    });

    test('whatever else is changed, a pause that is over and another CA included', async () => {
      await withHarness(async (harness) => {
        const { view, cluster, nextAttempt } = await ended(harness);
        const changes: (() => Promise<void>)[] = [
          () => cluster.signal(dependencyChanged, { what: 'The Secret aws was changed.' }),
          () => cluster.signal(clusterObserved, { ...view, limitedSupport: true }),
          async () => {
            await cluster.signal(clusterObserved, { ...view, paused: true });
            await eventually(
              'paused',
              () => harness.status(view),
              ({ bundles }) => bundles['primary']?.state === 'Paused',
            );
            await cluster.signal(clusterObserved, view);
          },
          async () => {
            harness.doubles.caHost = 'other-ca.test';
            await cluster.signal(dependencyChanged, { what: 'The account was changed.' });
          },
          // A premature order would show by now.
          () => cluster.signal(dependencyChanged, { what: 'Something.' }),
        ];
        for (const change of changes) {
          const evaluations = harness.doubles.countOf('applyCertificateRequest');
          await change();
          await untilEvaluatedAgain(harness, evaluations);
          expect(await failing(harness, view)).toMatchObject({ nextAttempt, orders: 1 });
        }
        expect(harness.doubles.countOf('placeOrder')).toBe(1);
      });
    });

    test('unless an operator asks', async () => {
      await withHarness(async (harness) => {
        const { view, cluster } = await ended(harness);
        expect(await cluster.executeUpdate(renew, { args: [{}] })).toHaveLength(1);
        expect((await untilReady(harness, view)).bundles['primary']?.orders).toBe(2);
      });
    });

    test('unless other names are wanted', async () => {
      await withHarness(async (harness) => {
        const { view, cluster } = await ended(harness);
        await cluster.signal(clusterObserved, other(view));
        const { bundles } = await untilReady(harness, view);
        expect(bundles['primary']).toMatchObject({ dnsNames: ['new.example.com'], orders: 2 });
      });
    });
  },
);

describe('an issuance that is cancelled by a person', () => {
  test('after its order was placed has that order resumed', async () => {
    await withHarness(async (harness) => {
      const view = clusterView();
      harness.doubles.override('publishTxtRecords', () => untilCancelled());
      const cluster = await harness.start(view);
      await eventually(
        'about to be published',
        async () => harness.doubles.countOf('publishTxtRecords'),
        (count) => count === 1,
      );
      await issuanceOf(harness, view, 1).cancel();
      const record = await failing(harness, view);
      expect(record).toMatchObject({
        lastAttempt: {
          failure: { code: 'issuance/cancelled' },
          openOrder: 'https://ca.test/order/1',
          attempts: 1,
        },
      });
      expect(record).not.toHaveProperty('leftoverRecords');
      harness.doubles.override('publishTxtRecords', undefined);
      await cluster.executeUpdate(renew, { args: [{}] });
      expect(resumed(harness)).toEqual([undefined, 'https://ca.test/order/1']);
    });
  });

  test('counts as a failed attempt: its records are withdrawn, and the next attempt follows the schedule', async () => {
    await withHarness(async (harness) => {
      const { view, issuance } = await inMidOrder(harness);
      await issuance.cancel();
      const record = await failing(harness, view);
      expect(record).toMatchObject({
        lastAttempt: { failure: { code: 'issuance/cancelled' }, attempts: 1 },
        orders: 1,
      });
      expect(
        Date.parse(nextAttemptOf(record) ?? '') - Date.parse(lastAttemptOf(record)?.failedAt ?? ''),
      ).toBeGreaterThan(MINUTE_MS / 2);
      expect(record.message).toMatch(
        /^A person cancelled the issuance.*certman renew.*reconcile-pause.*next one is at/,
      );
      expect(harness.doubles.published.size).toBe(0);
      expect(harness.doubles.countOf('placeOrder')).toBe(1);
      // The record is changed before it is reported.
      await eventually(
        'the failure is reported',
        async () => harness.doubles.reports.at(-1)?.event,
        (event) => event?.type === 'Warning' && event.reason === 'Failing',
      );
    });
  });

  test('fails the renew update that waits for it, and is resumed by the next one', async () => {
    await withHarness(async (harness) => {
      const { view, cluster, issuance } = await inMidOrder(harness);
      const renewal = cluster.executeUpdate(renew, { args: [{}] });
      const rejection = expect(renewal).rejects.toMatchObject({ cause: { type: 'issuance/cancelled' } });
      await issuance.cancel();
      await rejection;
      harness.doubles.override('verifyPropagation', undefined);
      expect(await cluster.executeUpdate(renew, { args: [{}] })).toHaveLength(1);
      await untilReady(harness, view);
    });
  });

  test('while the CA was issuing has its order resumed, so that its certificate is not lost', async () => {
    await withHarness(async (harness) => {
      const view = clusterView();
      harness.doubles.override('finalizeOrder', () => untilCancelled());
      const cluster = await harness.start(view);
      await eventually(
        'the CA is asked',
        async () => harness.doubles.countOf('finalizeOrder'),
        (count) => count === 1,
      );
      await issuanceOf(harness, view, 1).cancel();
      await failing(harness, view);
      harness.doubles.override('finalizeOrder', undefined);
      await cluster.executeUpdate(renew, { args: [{}] });
      expect(resumed(harness)).toEqual([undefined, 'https://ca.test/order/1']);
    });
  });
});

test('an issuance that is terminated by a person counts as a failed attempt, and reports that it could not clean up', async () => {
  await withHarness(async (harness) => {
    const { view, issuance } = await inMidOrder(harness);
    await issuance.terminate('a test');
    const record = await failing(harness, view);
    expect(record).toMatchObject({ lastAttempt: { failure: { code: 'issuance/terminated' }, attempts: 1 }, orders: 1 });
    expect(record.message).toContain('TXT records that the order left in the zone');
  });
});
