import { describe, expect, test } from 'vitest';
import type { FinalizerOutcome } from '../../activities/contract.ts';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import { clusterGone, clusterObserved, clusterWorkflowId, type DecommissionLedger } from '../../workflows/contract.ts';
import { retryableFailure, typedFailure } from '../support/activity-doubles.ts';
import { eventually } from '../support/eventually.ts';
import { clusterView } from '../support/views.ts';
import { type Lab, untilReady, useLab } from '../support/workflow-lab.ts';

const withLab = useLab();

function ledgerOf(lab: Lab, view: ClusterView): Promise<DecommissionLedger> {
  return lab.env.client.workflow.getHandle(clusterWorkflowId(view.identity)).result();
}

describe('deletion', () => {
  test('while asleep revokes, removes, releases, in this order, and leaves a ledger', async () => {
    await withLab(async (lab) => {
      const view = clusterView();
      const handle = await lab.start(view);
      await untilReady(lab, view);
      await handle.signal(clusterObserved, { ...view, deleting: true });
      const ledger = await ledgerOf(lab, view);
      expect(ledger.finalizerReleased).toBe(true);
      expect(ledger.bundles[0]?.revocations).toEqual([
        { serialNumber: '1000', outcome: 'revoked', message: 'revoked' },
      ]);
      const order = lab.doubles.calls.map((call) => call.activity);
      expect(order.slice(-3)).toEqual(['revokeCertificates', 'removeBundle', 'releaseCluster']);
    });
  });

  test('before anything was issued completes without an order', async () => {
    await withLab(async (lab) => {
      const view = clusterView({ deleting: true });
      await lab.start(view);
      const ledger = await ledgerOf(lab, view);
      expect(ledger.finalizerReleased).toBe(true);
      expect(lab.doubles.countOf('placeOrder')).toBe(0);
    });
  });

  test.each([
    ['released', true],
    ['absent', true],
    ['kept', false],
    // As a worker of an earlier version answers.
    [undefined, true],
  ] as const)('leaves a ledger that says what became of the finalizer: %s', async (finalizer, finalizerReleased) => {
    await withLab(async (lab) => {
      const view = clusterView({ deleting: true });
      lab.doubles.when('releaseCluster', async () => finalizer as FinalizerOutcome);
      await lab.start(view);
      const ledger = await ledgerOf(lab, view);
      expect(ledger.finalizerReleased).toBe(finalizerReleased);
      expect(ledger.finalizer).toBe(finalizer);
    });
  });

  test('in the middle of an issuance withdraws its records first', async () => {
    await withLab(async (lab) => {
      const view = clusterView();
      lab.doubles.when('verifyPropagation', async () => {
        throw retryableFailure();
      });
      const handle = await lab.start(view);
      await eventually(
        'published',
        async () => lab.doubles.published.size,
        (size) => size === 2,
      );
      await handle.signal(clusterObserved, { ...view, deleting: true });
      await ledgerOf(lab, view);
      expect(lab.doubles.published.size).toBe(0);
      const order = lab.doubles.calls.map((call) => call.activity);
      expect(order.indexOf('withdrawTxtRecords')).toBeLessThan(order.indexOf('removeBundle'));
    });
  });

  test('while failing ends all the same', async () => {
    await withLab(async (lab) => {
      const view = clusterView();
      lab.doubles.when('placeOrder', async () => {
        throw typedFailure('acme/accountMissing', 'no account');
      });
      const handle = await lab.start(view);
      await eventually(
        'waiting',
        () => lab.status(view),
        (seen) => seen.bundles['primary']?.state === 'Waiting',
      );
      await handle.signal(clusterObserved, { ...view, deleting: true });
      expect((await ledgerOf(lab, view)).finalizerReleased).toBe(true);
    });
  });

  test('of a cluster that moves to another hub revokes nothing', async () => {
    await withLab(async (lab) => {
      const view = clusterView();
      const handle = await lab.start(view);
      await untilReady(lab, view);
      await handle.signal(clusterObserved, { ...view, relocation: 'outgoing', deleting: true });
      await ledgerOf(lab, view);
      expect(lab.doubles.countOf('revokeCertificates')).toBe(0);
      expect(lab.doubles.countOf('releaseCluster')).toBe(1);
    });
  });

  test('that went by unseen is carried out when the cluster is found gone', async () => {
    await withLab(async (lab) => {
      const view = clusterView();
      const handle = await lab.start(view);
      await untilReady(lab, view);
      await handle.signal(clusterGone);
      expect((await ledgerOf(lab, view)).bundles).toHaveLength(1);
    });
  });
});
