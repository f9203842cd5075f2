/** A step and a report that hang are given up within minutes, recorded, and retried. */
import { expect, test } from 'vitest';
import { failureOf } from '../../src/contract/bundle-record.ts';
import { clusterObserved } from '../../src/contract/cluster-certificates.ts';
import { untilCancelled } from '../support/temporal/until-cancelled.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness } from '../support/workflows/use-harness.ts';

const withHarness = useWorkflowHarness();

test('a deletion whose finalizer and status writes hang is blocked, not stuck, and completes once they work', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    const handle = await harness.start(view);
    await untilReady(harness, view);
    harness.doubles.override('removeFinalizer', untilCancelled);
    harness.doubles.override('reportStatus', untilCancelled);
    await handle.signal(clusterObserved, { ...view, deleting: true });
    await eventually(
      'both are recorded',
      async () => (await harness.status(view)).bundles['primary'],
      (record) =>
        record !== undefined &&
        failureOf(record)?.code === 'worker/lost' &&
        record.statusWriteError?.failure.code === 'worker/lost',
    );
    expect(harness.doubles.countOf('revokeCertificates')).toBe(1);
    for (const activity of ['removeFinalizer', 'reportStatus']) {
      await eventually(
        `the time-out of ${activity} is counted`,
        () => harness.metrics(),
        (text) => text.includes(`certman_activity_failures_total{activity="${activity}",code="worker/lost"}`),
      );
    }
    harness.doubles.override('removeFinalizer', undefined);
    harness.doubles.override('reportStatus', undefined);
    expect(await handle.result()).toMatchObject({ finalizerRemoved: true });
  });
});
