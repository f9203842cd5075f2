/** An issuance that a person ends, in the Web UI or with Temporal's CLI, is not begun anew behind their back. */
import { describe, expect, test } from 'vitest';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import type { PlaceOrderInput } from '../../src/contract/activities.ts';
import { type BundleRecord, lastAttemptOf, nextAttemptOf } from '../../src/contract/bundle-record.ts';
import { clusterObserved, dependencyChanged, renew } from '../../src/contract/cluster-certificates.ts';
import { issuanceWorkflowId } from '../../src/contract/ids.ts';
import { untilCancelled } from '../support/temporal/until-cancelled.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { retryableFailure } from '../support/workflows/activity-doubles.ts';
import { bundleView, clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const withLab = useWorkflowHarness();

const MINUTE_MS = 60_000;

/** An order whose records are published and do not propagate. */
async function inMidOrder(lab: WorkflowHarness) {
  const view = clusterView();
  lab.doubles.override('verifyPropagation', () => Promise.reject(retryableFailure()));
  const cluster = await lab.start(view);
  await eventually(
    'published',
    async () => lab.doubles.published.size,
    (size) => size === 2,
  );
  return { view, cluster, issuance: issuanceOf(lab, view, 1) };
}

function issuanceOf(lab: WorkflowHarness, view: ClusterView, attempt: number) {
  return lab.env.client.workflow.getHandle(issuanceWorkflowId(view.identity, 'primary', attempt));
}

/** The order that each placed order resumed. */
function resumed(lab: WorkflowHarness): readonly (string | undefined)[] {
  const orders = lab.doubles.calls.filter(({ activity }) => activity === 'placeOrder');
  return orders.map(({ input }) => (input as PlaceOrderInput).resume);
}

async function failing(lab: WorkflowHarness, view: ClusterView): Promise<BundleRecord> {
  const { bundles } = await eventually(
    'Failing',
    () => lab.status(view),
    (status) => status.bundles['primary']?.state === 'Failing',
  );
  return bundles['primary'] as BundleRecord;
}

/** Waits until the cluster has been evaluated again. */
async function untilEvaluatedAgain(lab: WorkflowHarness, evaluations: number): Promise<void> {
  await eventually(
    'evaluated again',
    async () => lab.doubles.countOf('applyCertificateRequest'),
    (count) => count > evaluations,
  );
}

describe.each(['cancel', 'terminate'] as const)(
  'an issuance that a person ends by %s is retried by the schedule',
  (end) => {
    async function ended(lab: WorkflowHarness) {
      const { view, cluster, issuance } = await inMidOrder(lab);
      lab.doubles.override('verifyPropagation', undefined);
      await issuance[end]();
      const nextAttempt = nextAttemptOf(await failing(lab, view));
      return { view, cluster, nextAttempt };
    }

    const other = (view: ClusterView): ClusterView => ({
      ...view,
      bundles: [bundleView('primary', 'new.example.com')],
    });

    test('whatever else is changed, a pause that is over and another CA included', async () => {
      await withLab(async (lab) => {
        const { view, cluster, nextAttempt } = await ended(lab);
        const changes: (() => Promise<void>)[] = [
          () => cluster.signal(dependencyChanged, { what: 'The Secret aws was changed.' }),
          () => cluster.signal(clusterObserved, { ...view, limitedSupport: true }),
          async () => {
            await cluster.signal(clusterObserved, { ...view, paused: true });
            await eventually(
              'paused',
              () => lab.status(view),
              ({ bundles }) => bundles['primary']?.state === 'Paused',
            );
            await cluster.signal(clusterObserved, view);
          },
          async () => {
            lab.doubles.caHost = 'other-ca.test';
            await cluster.signal(dependencyChanged, { what: 'The account was changed.' });
          },
          // A premature order would show by now.
          () => cluster.signal(dependencyChanged, { what: 'Something.' }),
        ];
        for (const change of changes) {
          const evaluations = lab.doubles.countOf('applyCertificateRequest');
          await change();
          await untilEvaluatedAgain(lab, evaluations);
          expect(await failing(lab, view)).toMatchObject({ nextAttempt, orders: 1 });
        }
        expect(lab.doubles.countOf('placeOrder')).toBe(1);
      });
    });

    test('unless an operator asks', async () => {
      await withLab(async (lab) => {
        const { view, cluster } = await ended(lab);
        expect(await cluster.executeUpdate(renew, { args: [{}] })).toHaveLength(1);
        expect((await untilReady(lab, view)).bundles['primary']?.orders).toBe(2);
      });
    });

    test('unless other names are wanted', async () => {
      await withLab(async (lab) => {
        const { view, cluster } = await ended(lab);
        await cluster.signal(clusterObserved, other(view));
        const { bundles } = await untilReady(lab, view);
        expect(bundles['primary']).toMatchObject({ dnsNames: ['new.example.com'], orders: 2 });
      });
    });
  },
);

describe('an issuance that is cancelled by a person', () => {
  test('with its order placed and nothing published has that order gone on with', async () => {
    await withLab(async (lab) => {
      const view = clusterView();
      lab.doubles.override('publishTxtRecords', () => untilCancelled());
      const cluster = await lab.start(view);
      await eventually(
        'about to be published',
        async () => lab.doubles.countOf('publishTxtRecords'),
        (count) => count === 1,
      );
      await issuanceOf(lab, view, 1).cancel();
      const record = await failing(lab, view);
      expect(record).toMatchObject({
        lastAttempt: {
          failure: { code: 'issuance/cancelled' },
          openOrder: 'https://ca.test/order/1',
          attempts: 1,
        },
      });
      expect(record).not.toHaveProperty('leftoverRecords');
      lab.doubles.override('publishTxtRecords', undefined);
      await cluster.executeUpdate(renew, { args: [{}] });
      expect(resumed(lab)).toEqual([undefined, 'https://ca.test/order/1']);
    });
  });

  test('counts as a failed attempt: its records are withdrawn, and the next one goes by the schedule', async () => {
    await withLab(async (lab) => {
      const { view, issuance } = await inMidOrder(lab);
      await issuance.cancel();
      const record = await failing(lab, view);
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
      expect(lab.doubles.published.size).toBe(0);
      expect(lab.doubles.countOf('placeOrder')).toBe(1);
      expect(lab.doubles.reports.at(-1)?.event).toMatchObject({ type: 'Warning', reason: 'Failing' });
    });
  });

  test('is answered to the operator who had asked for it, and gone on with as soon as an operator asks', async () => {
    await withLab(async (lab) => {
      const { view, cluster, issuance } = await inMidOrder(lab);
      const renewal = cluster.executeUpdate(renew, { args: [{}] });
      const rejection = expect(renewal).rejects.toMatchObject({ cause: { type: 'issuance/cancelled' } });
      await issuance.cancel();
      await rejection;
      lab.doubles.override('verifyPropagation', undefined);
      expect(await cluster.executeUpdate(renew, { args: [{}] })).toHaveLength(1);
      await untilReady(lab, view);
    });
  });

  test('while the CA was issuing has its order gone on with, so that its certificate is not lost', async () => {
    await withLab(async (lab) => {
      const view = clusterView();
      lab.doubles.override('finalizeOrder', () => untilCancelled());
      const cluster = await lab.start(view);
      await eventually(
        'the CA is asked',
        async () => lab.doubles.countOf('finalizeOrder'),
        (count) => count === 1,
      );
      await issuanceOf(lab, view, 1).cancel();
      await failing(lab, view);
      lab.doubles.override('finalizeOrder', undefined);
      await cluster.executeUpdate(renew, { args: [{}] });
      expect(resumed(lab)).toEqual([undefined, 'https://ca.test/order/1']);
    });
  });
});

test('an issuance that is terminated by a person counts as a failed attempt, and says what it could not clear away', async () => {
  await withLab(async (lab) => {
    const { view, issuance } = await inMidOrder(lab);
    await issuance.terminate('a test');
    const record = await failing(lab, view);
    expect(record).toMatchObject({ lastAttempt: { failure: { code: 'issuance/terminated' }, attempts: 1 }, orders: 1 });
    expect(record.message).toContain('TXT records of the order that are left in the zone');
  });
});
