import { describe, expect, test } from 'vitest';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import type { FinalizerOutcome } from '../../src/contract/activities.ts';
import { clusterGone, clusterObserved, type DecommissionResult } from '../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../src/contract/ids.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { activityFailure, retryableFailure } from '../support/workflows/activity-doubles.ts';
import { clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const withLab = useWorkflowHarness();

function decommissionResultOf(lab: WorkflowHarness, view: ClusterView): Promise<DecommissionResult> {
  return lab.env.client.workflow.getHandle(clusterWorkflowId(view.identity)).result();
}

describe('deletion', () => {
  test('while asleep revokes, removes, releases, in this order, and leaves a ledger', async () => {
    await withLab(async (lab) => {
      const view = clusterView();
      const handle = await lab.start(view);
      await untilReady(lab, view);
      await handle.signal(clusterObserved, { ...view, deleting: true });
      const ledger = await decommissionResultOf(lab, view);
      expect(ledger.finalizerRemoved).toBe(true);
      expect(ledger.bundles[0]?.revocations).toEqual([
        { serialNumber: '1000', outcome: 'revoked', message: 'revoked' },
      ]);
      const order = lab.doubles.calls.map((call) => call.activity);
      expect(order.slice(-3)).toEqual(['revokeCertificates', 'removeBundle', 'removeFinalizer']);
    });
  });

  test('before anything was issued completes without an order', async () => {
    await withLab(async (lab) => {
      const view = clusterView({ deleting: true });
      await lab.start(view);
      const ledger = await decommissionResultOf(lab, view);
      expect(ledger.finalizerRemoved).toBe(true);
      expect(lab.doubles.countOf('placeOrder')).toBe(0);
    });
  });

  test.each([
    ['released', true],
    ['absent', true],
    ['kept', false],
    // As a worker of an earlier version answers.
    [undefined, true],
  ] as const)('leaves a ledger that says what became of the finalizer: %s', async (finalizer, finalizerRemoved) => {
    await withLab(async (lab) => {
      const view = clusterView({ deleting: true });
      lab.doubles.override('removeFinalizer', async () => finalizer as FinalizerOutcome);
      await lab.start(view);
      const ledger = await decommissionResultOf(lab, view);
      expect(ledger.finalizerRemoved).toBe(finalizerRemoved);
      expect(ledger.finalizer).toBe(finalizer);
    });
  });

  test('in the middle of an issuance withdraws its records first', async () => {
    await withLab(async (lab) => {
      const view = clusterView();
      lab.doubles.override('verifyPropagation', async () => {
        throw retryableFailure();
      });
      const handle = await lab.start(view);
      await eventually(
        'published',
        async () => lab.doubles.published.size,
        (size) => size === 2,
      );
      await handle.signal(clusterObserved, { ...view, deleting: true });
      await decommissionResultOf(lab, view);
      expect(lab.doubles.published.size).toBe(0);
      const order = lab.doubles.calls.map((call) => call.activity);
      expect(order.indexOf('withdrawTxtRecords')).toBeLessThan(order.indexOf('removeBundle'));
    });
  });

  test('while failing ends all the same', async () => {
    await withLab(async (lab) => {
      const view = clusterView();
      lab.doubles.override('placeOrder', async () => {
        throw activityFailure('acme/accountMissing', 'no account');
      });
      const handle = await lab.start(view);
      await eventually(
        'waiting',
        () => lab.status(view),
        (seen) => seen.bundles['primary']?.state === 'Waiting',
      );
      await handle.signal(clusterObserved, { ...view, deleting: true });
      expect((await decommissionResultOf(lab, view)).finalizerRemoved).toBe(true);
    });
  });

  test('of a cluster that moves to another management cluster revokes nothing', async () => {
    await withLab(async (lab) => {
      const view = clusterView();
      const handle = await lab.start(view);
      await untilReady(lab, view);
      await handle.signal(clusterObserved, { ...view, relocation: 'outgoing', deleting: true });
      await decommissionResultOf(lab, view);
      expect(lab.doubles.countOf('revokeCertificates')).toBe(0);
      expect(lab.doubles.countOf('removeFinalizer')).toBe(1);
    });
  });

  test('that went by unseen is carried out when the cluster is found gone', async () => {
    await withLab(async (lab) => {
      const view = clusterView();
      const handle = await lab.start(view);
      await untilReady(lab, view);
      await handle.signal(clusterGone);
      expect((await decommissionResultOf(lab, view)).bundles).toHaveLength(1);
    });
  });
});
