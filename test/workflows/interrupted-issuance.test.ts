/** An issuance that a person ends, in the Web UI or with Temporal's CLI, is not begun anew behind their back. */
import { describe, expect, test } from 'vitest';
import type { PlaceOrderInput } from '../../activities/contract.ts';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import { type BundleRecord, issuanceWorkflowId, renew } from '../../workflows/contract.ts';
import { retryableFailure } from '../support/activity-doubles.ts';
import { eventually } from '../support/eventually.ts';
import { untilCancelled } from '../support/until-cancelled.ts';
import { clusterView } from '../support/views.ts';
import { type Lab, untilReady, useLab } from '../support/workflow-lab.ts';

const withLab = useLab();

const MINUTE_MS = 60_000;

/** Its records are published, and nobody sees them. */
async function inMidOrder(lab: Lab) {
  const view = clusterView();
  lab.doubles.when('verifyPropagation', () => Promise.reject(retryableFailure()));
  const cluster = await lab.start(view);
  await eventually(
    'published',
    async () => lab.doubles.published.size,
    (size) => size === 2,
  );
  return { view, cluster, issuance: issuanceOf(lab, view, 1) };
}

function issuanceOf(lab: Lab, view: ClusterView, attempt: number) {
  return lab.env.client.workflow.getHandle(issuanceWorkflowId(view.identity, 'primary', attempt));
}

async function failing(lab: Lab, view: ClusterView): Promise<BundleRecord> {
  const { bundles } = await eventually(
    'Failing',
    () => lab.status(view),
    (status) => status.bundles['primary']?.state === 'Failing',
  );
  return bundles['primary'] as BundleRecord;
}

describe('an issuance that is cancelled by a person', () => {
  test('counts as a failed attempt: its records are withdrawn, and the next one goes by the schedule', async () => {
    await withLab(async (lab) => {
      const { view, issuance } = await inMidOrder(lab);
      await issuance.cancel();
      const record = await failing(lab, view);
      expect(record).toMatchObject({ failure: { code: 'issuance/cancelled' }, failedAttempts: 1, orders: 1 });
      expect(Date.parse(record.nextAttempt ?? '') - Date.now()).toBeGreaterThan(MINUTE_MS / 2);
      expect(record.message).toMatch(
        /^Somebody cancelled the issuance.*certman renew.*reconcile-pause.*next one is at/,
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
      const told = expect(renewal).rejects.toMatchObject({ cause: { type: 'issuance/cancelled' } });
      await issuance.cancel();
      await told;
      lab.doubles.when('verifyPropagation', undefined);
      expect(await cluster.executeUpdate(renew, { args: [{}] })).toHaveLength(1);
      await untilReady(lab, view);
    });
  });

  test('while the CA was issuing has its order gone on with, so that its certificate is not lost', async () => {
    await withLab(async (lab) => {
      const view = clusterView();
      lab.doubles.when('finalizeOrder', () => untilCancelled());
      const cluster = await lab.start(view);
      await eventually(
        'the CA is asked',
        async () => lab.doubles.countOf('finalizeOrder'),
        (count) => count === 1,
      );
      await issuanceOf(lab, view, 1).cancel();
      await failing(lab, view);
      lab.doubles.when('finalizeOrder', undefined);
      await cluster.executeUpdate(renew, { args: [{}] });
      const orders = lab.doubles.calls.filter(({ activity }) => activity === 'placeOrder');
      expect(orders.map(({ input }) => (input as PlaceOrderInput).resume)).toEqual([
        undefined,
        'https://ca.test/order/1',
      ]);
    });
  });
});

test('an issuance that is terminated by a person counts as a failed attempt, and says what it could not clear away', async () => {
  await withLab(async (lab) => {
    const { view, issuance } = await inMidOrder(lab);
    await issuance.terminate('a test');
    const record = await failing(lab, view);
    expect(record).toMatchObject({ failure: { code: 'issuance/terminated' }, failedAttempts: 1, orders: 1 });
    expect(record.message).toContain('TXT records of the order that are left in the zone');
  });
});
