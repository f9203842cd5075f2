import { defaultPayloadConverter } from '@temporalio/common';
import { expect, test } from 'vitest';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import { clusterObserved } from '../../src/contract/cluster-certificates.ts';
import { issuanceWorkflowId } from '../../src/contract/ids.ts';
import { startTimeSkippingEnvironment } from '../support/temporal/temporal-server.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { activityFailure } from '../support/workflows/activity-doubles.ts';
import { clusterView } from '../support/workflows/cluster-views.ts';
import { useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const DAY_MS = 86_400_000;

const withLab = useWorkflowHarness(startTimeSkippingEnvironment);

/** Why an order was placed, as the list of workflows has it. */
async function reasonOf(lab: WorkflowHarness, view: ClusterView, order: number): Promise<unknown> {
  const { events } = await lab.env.client.workflow
    .getHandle(issuanceWorkflowId(view.identity, 'primary', order))
    .fetchHistory();
  const reason = events?.[0]?.workflowExecutionStartedEventAttributes?.searchAttributes?.indexedFields?.['CertReason'];
  return reason && defaultPayloadConverter.fromPayload(reason);
}

test('after 45 days asleep a 90-day certificate is renewed, once, and within a day of the promise', async () => {
  await withLab(async (lab) => {
    const view = clusterView();
    const begin = await lab.env.currentTimeMs();
    await lab.start(view);
    await eventually(
      'first certificate',
      async () => lab.doubles.issued,
      (issued) => issued.length === 1,
    );
    await lab.advanceTime(43 * DAY_MS);
    expect(lab.doubles.issued).toHaveLength(1);
    await lab.advanceTime(3 * DAY_MS);
    await eventually(
      'renewed',
      async () => lab.doubles.issued,
      (issued) => issued.length === 2,
    );
    const renewedAfter = (Date.parse(lab.doubles.issued[1]?.notBefore ?? '') - begin) / DAY_MS;
    expect(renewedAfter).toBeGreaterThan(43.9);
    expect(renewedAfter).toBeLessThanOrEqual(45.01);
    expect(await Promise.all([1, 2].map((order) => reasonOf(lab, view, order)))).toEqual([
      'SecretMissing',
      'RenewalDue',
    ]);
  });
});

test('a renewal that fails goes by the schedule of 1, 10, 100 minutes and then daily, the old certificate staying Ready', async () => {
  await withLab(async (lab) => {
    const view = clusterView();
    await lab.start(view);
    await eventually(
      'first certificate',
      async () => lab.doubles.issued,
      (issued) => issued.length === 1,
    );
    const attempts: number[] = [];
    lab.doubles.override('placeOrder', async () => {
      attempts.push(await lab.env.currentTimeMs());
      throw activityFailure('acme/orderInvalid', 'the CA says no');
    });
    await lab.advanceTime(45 * DAY_MS);
    for (let step = 0; step < 40 && attempts.length < 6; step += 1) await lab.advanceTime(3 * 3_600_000);
    const minutes = attempts.slice(1).map((at, index) => Math.round((at - (attempts[index] ?? 0)) / 60_000));
    expect(minutes.slice(0, 4)).toEqual([1, 10, 100, 1440]);
    const report = lab.doubles.reports.at(-1);
    expect(report?.conditions.find((condition) => condition.type === 'Ready')?.status).toBe('True');
    expect(report?.conditions.find((condition) => condition.type === 'Failing')).toMatchObject({
      status: 'True',
      reason: 'AcmeOrderInvalid',
    });
    lab.doubles.override('placeOrder', undefined);
    await lab.advanceTime(DAY_MS);
    await eventually(
      'renewed at last',
      async () => lab.doubles.issued,
      (issued) => issued.length === 2,
    );
  });
});

test('a deleted cluster wakes from its sleep at once', async () => {
  await withLab(async (lab) => {
    const view = clusterView();
    const handle = await lab.start(view);
    await eventually(
      'first certificate',
      async () => lab.doubles.issued,
      (issued) => issued.length === 1,
    );
    await handle.signal(clusterObserved, { ...view, deleting: true });
    // The clock stands: waiting for the result would have it leap.
    await eventually(
      'its end',
      () => handle.describe(),
      ({ status }) => status.name === 'COMPLETED',
    );
  });
});
