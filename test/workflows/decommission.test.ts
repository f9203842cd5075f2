import { describe, expect, test } from 'vitest';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import type { FinalizerOutcome } from '../../src/contract/activities/kubernetes.ts';
import {
  clusterGone,
  clusterObserved,
  type DecommissionResult,
  dependencyChanged,
} from '../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../src/contract/ids.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { activityFailure, retryableFailure } from '../support/workflows/activity-doubles.ts';
import { clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const withHarness = useWorkflowHarness();

function decommissionResultOf(harness: WorkflowHarness, view: ClusterView): Promise<DecommissionResult> {
  return harness.env.client.workflow.getHandle(clusterWorkflowId(view.identity)).result();
}

describe('deletion', () => {
  test('while asleep revokes, deletes, removes the finalizer, in this order, and returns what was done', async () => {
    await withHarness(async (harness) => {
      const view = clusterView();
      const handle = await harness.start(view);
      await untilReady(harness, view);
      await handle.signal(clusterObserved, { ...view, deleting: true });
      const result = await decommissionResultOf(harness, view);
      expect(result.finalizerRemoved).toBe(true);
      expect(result.bundles[0]?.revocations).toEqual([
        { serialNumber: '1000', outcome: 'revoked', message: 'revoked' },
      ]);
      const order = harness.doubles.calls.map((call) => call.activity);
      expect(order.slice(-3)).toEqual(['revokeCertificates', 'removeBundle', 'removeFinalizer']);
    });
  });

  test('before anything was issued completes without an order', async () => {
    await withHarness(async (harness) => {
      const view = clusterView({ deleting: true });
      await harness.start(view);
      const result = await decommissionResultOf(harness, view);
      expect(result.finalizerRemoved).toBe(true);
      expect(harness.doubles.countOf('placeOrder')).toBe(0);
    });
  });

  test.each([
    ['released', true],
    ['absent', true],
    ['kept', false],
    // As a worker of an earlier version returns it.
    [undefined, true],
  ] as const)('records the outcome of the finalizer in its result: %s', async (finalizer, finalizerRemoved) => {
    await withHarness(async (harness) => {
      const view = clusterView({ deleting: true });
      harness.doubles.override('removeFinalizer', async () => finalizer as FinalizerOutcome);
      await harness.start(view);
      const result = await decommissionResultOf(harness, view);
      expect(result.finalizerRemoved).toBe(finalizerRemoved);
      expect(result.finalizer).toBe(finalizer);
    });
  });

  test('during an issuance withdraws its records first', async () => {
    await withHarness(async (harness) => {
      const view = clusterView();
      harness.doubles.override('verifyPropagation', async () => {
        throw retryableFailure();
      });
      const handle = await harness.start(view);
      await eventually(
        'published',
        async () => harness.doubles.published.size,
        (size) => size === 2,
      );
      await handle.signal(clusterObserved, { ...view, deleting: true });
      await decommissionResultOf(harness, view);
      expect(harness.doubles.published.size).toBe(0);
      const order = harness.doubles.calls.map((call) => call.activity);
      expect(order.indexOf('withdrawTxtRecords')).toBeLessThan(order.indexOf('removeBundle'));
    });
  });

  test('while failing completes', async () => {
    await withHarness(async (harness) => {
      const view = clusterView();
      harness.doubles.override('placeOrder', async () => {
        throw activityFailure('acme/accountMissing', 'no account');
      });
      const handle = await harness.start(view);
      await eventually(
        'waiting',
        () => harness.status(view),
        (seen) => seen.bundles['primary']?.state === 'Waiting',
      );
      await handle.signal(clusterObserved, { ...view, deleting: true });
      expect((await decommissionResultOf(harness, view)).finalizerRemoved).toBe(true);
    });
  });

  test('of a cluster that has moved to another management cluster revokes nothing', async () => {
    await withHarness(async (harness) => {
      const view = clusterView();
      const handle = await harness.start(view);
      await untilReady(harness, view);
      await handle.signal(clusterObserved, { ...view, relocation: 'complete', deleting: true });
      await decommissionResultOf(harness, view);
      expect(harness.doubles.countOf('revokeCertificates')).toBe(0);
      expect(harness.doubles.countOf('removeBundle')).toBe(1);
      expect(harness.doubles.countOf('removeFinalizer')).toBe(1);
    });
  });

  test('of a cluster that is moving waits until the move is aborted, then revokes', async () => {
    await withHarness(async (harness) => {
      const view = clusterView();
      const handle = await harness.start(view);
      await untilReady(harness, view);
      // The record is Ready before that is reported.
      await harness.untilAsleep(view);
      await handle.signal(clusterObserved, { ...view, relocation: 'outgoing', deleting: true });
      await eventually(
        'paused',
        () => harness.status(view),
        (seen) => seen.bundles['primary']?.state === 'Paused',
      );
      const reports = harness.doubles.countOf('reportStatus');
      await handle.signal(dependencyChanged, { what: 'a test' });
      expect(await harness.status(view)).toMatchObject({ decommissioning: false });
      for (const activity of ['revokeCertificates', 'removeBundle', 'removeFinalizer'] as const)
        expect(harness.doubles.countOf(activity)).toBe(0);
      expect(harness.doubles.countOf('reportStatus')).toBe(reports);
      await handle.signal(clusterObserved, { ...view, deleting: true });
      await decommissionResultOf(harness, view);
      expect(harness.doubles.countOf('revokeCertificates')).toBe(1);
    });
  });

  test('is not held up by an earlier state of a move that arrives late', async () => {
    await withHarness(async (harness) => {
      const view = clusterView();
      harness.doubles.override('revokeCertificates', async () => {
        throw activityFailure('acme/accountMissing', 'no account');
      });
      const handle = await harness.start(view);
      await untilReady(harness, view);
      await handle.signal(clusterObserved, { ...view, deleting: true });
      await eventually(
        'blocked',
        () => harness.status(view),
        ({ bundles }) => bundles['primary'] !== undefined && 'blocked' in bundles['primary'],
      );
      await handle.signal(clusterObserved, { ...view, relocation: 'outgoing', deleting: true });
      expect(await harness.status(view)).toMatchObject({ decommissioning: true });
      harness.doubles.override('revokeCertificates', undefined);
      await handle.signal(dependencyChanged, { what: 'a test' });
      const result = await decommissionResultOf(harness, view);
      expect(result.bundles[0]?.revocations).toMatchObject([{ outcome: 'revoked' }]);
    });
  });

  test('that forces out the object of a moving cluster revokes nothing', async () => {
    await withHarness(async (harness) => {
      const view = clusterView();
      const handle = await harness.start(view);
      await untilReady(harness, view);
      await handle.signal(clusterObserved, { ...view, relocation: 'outgoing' });
      await handle.signal(clusterGone);
      await decommissionResultOf(harness, view);
      expect(harness.doubles.countOf('revokeCertificates')).toBe(0);
    });
  });

  test('that was not observed is carried out when the cluster is found gone', async () => {
    await withHarness(async (harness) => {
      const view = clusterView();
      const handle = await harness.start(view);
      await untilReady(harness, view);
      await handle.signal(clusterGone);
      expect((await decommissionResultOf(harness, view)).bundles).toHaveLength(1);
    });
  });
});
