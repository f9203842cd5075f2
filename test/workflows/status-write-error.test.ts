/** A status that the API server rejects is recorded as an error, apart from the message. */
import { expect, test } from 'vitest';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import { type BundleRecord } from '../../src/contract/bundle-record.ts';
import { clusterObserved } from '../../src/contract/cluster-certificates.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { activityFailure } from '../support/workflows/activity-doubles.ts';
import { clusterView } from '../support/workflows/cluster-views.ts';
import { useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const withHarness = useWorkflowHarness();

function until(harness: WorkflowHarness, view: ClusterView, what: string, holds: (record: BundleRecord) => boolean) {
  return eventually(
    what,
    async () => (await harness.status(view)).bundles['primary'],
    (record) => record !== undefined && holds(record),
  );
}

test('a status that is rejected repeatedly is recorded once, apart from the message, until it is written', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    const limit = new Date(Date.now() + 3_600_000);
    harness.doubles.override('placeOrder', () =>
      Promise.reject(activityFailure('acme/rateLimited', 'too many orders', limit)),
    );
    let refusals = 0;
    harness.doubles.override('reportStatus', ({ report }) => {
      harness.doubles.reports.push(report);
      refusals += 1;
      return Promise.reject(activityFailure('kubernetes/forbidden', `refusal ${refusals}`));
    });
    const handle = await harness.start(view);
    await until(harness, view, 'refused', ({ statusWriteError }) => statusWriteError === 'refusal 1');
    // After the pause, the same status is reported again.
    await handle.signal(clusterObserved, { ...view, paused: true });
    await until(
      harness,
      view,
      'paused',
      ({ state, statusWriteError }) => state === 'Paused' && statusWriteError === 'refusal 2',
    );
    await handle.signal(clusterObserved, view);
    const record = await until(
      harness,
      view,
      'refused again',
      ({ statusWriteError }) => statusWriteError === 'refusal 3',
    );
    expect(record?.message).toContain('too many orders');
    expect(record?.message).not.toContain('refusal');
    expect(JSON.stringify(harness.doubles.reports)).not.toContain('refusal');

    harness.doubles.override('reportStatus', undefined);
    await handle.signal(clusterObserved, { ...view, paused: true });
    await until(
      harness,
      view,
      'written',
      ({ state, statusWriteError }) => state === 'Paused' && statusWriteError === undefined,
    );
  });
});
