/** What is reported while a certificate near its expiry cannot be renewed. */
import { expect, test } from 'vitest';
import type { StatusReport } from '../../src/certificates/status-report.ts';
import { clusterObserved } from '../../src/contract/cluster-certificates.ts';
import { startTimeSkippingEnvironment } from '../support/temporal/temporal-server.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { activityFailure } from '../support/workflows/activity-doubles.ts';
import { clusterView } from '../support/workflows/cluster-views.ts';
import { useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const DAY_MS = 86_400_000;

const withHarness = useWorkflowHarness(startTimeSkippingEnvironment);

/** `status/reason` of a condition in each report, without repetitions. */
function reportedOf(reports: readonly StatusReport[], type: string): readonly string[] {
  return reports
    .map(({ conditions }) => conditions.find((condition) => condition.type === type))
    .map((condition) => `${condition?.status}/${condition?.reason}`)
    .filter((said, index, all) => said !== all[index - 1]);
}

async function issued(harness: WorkflowHarness, count: number): Promise<void> {
  await eventually(
    `certificate ${count}`,
    async () => harness.doubles.issued.length,
    (found) => found === count,
  );
}

/** Advances the time, and waits for the report. */
async function leap(harness: WorkflowHarness, days: number, type: string, expected: string): Promise<void> {
  await harness.advanceTime(days * DAY_MS);
  await eventually(
    `${type} ${expected}`,
    async () => reportedOf(harness.doubles.reports, type).at(-1),
    (said) => said === expected,
  );
}

test('a paused cluster is reported near, critical and expired during its pause, and renewed after it', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    const handle = await harness.start(view);
    await issued(harness, 1);
    await harness.untilAsleep(view);
    await handle.signal(clusterObserved, { ...view, paused: true });
    await leap(harness, 70, 'ExpiryNear', 'True/Near');
    await leap(harness, 14, 'ExpiryNear', 'True/Critical');
    await leap(harness, 8, 'Ready', 'False/Expired');
    expect(reportedOf(harness.doubles.reports, 'ExpiryNear')).toEqual([
      'False/NotExpiring',
      'True/Near',
      'True/Critical',
      'True/Expired',
    ]);
    const events = harness.doubles.reports.map(({ event }) => event?.reason);
    expect(events).toEqual(['Issued', 'ReconcilePaused', 'ExpiryNear', 'ExpiryNear', 'Expired']);
    expect(harness.doubles.countOf('placeOrder')).toBe(1);

    await harness.untilAsleep(view);
    await handle.signal(clusterObserved, view);
    await issued(harness, 2);
    await eventually(
      'all well again',
      async () => reportedOf(harness.doubles.reports, 'ExpiryNear').at(-1),
      (said) => said === 'False/NotExpiring',
    );
    expect(reportedOf(harness.doubles.reports, 'Ready').at(-1)).toBe('True/Issued');
  });
});

test('a healthy certificate is never reported near its expiry', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    await harness.start(view);
    await issued(harness, 1);
    await harness.advanceTime(46 * DAY_MS);
    await issued(harness, 2);
    expect(reportedOf(harness.doubles.reports, 'ExpiryNear')).toEqual(['False/NotExpiring']);
  });
});

test('a failing renewal is retried more often near the expiry, each attempt is counted, and Ready is False at the expiry', async () => {
  await withHarness(async (harness) => {
    harness.doubles.lifetimeDays = 8;
    const view = clusterView();
    await harness.start(view);
    await issued(harness, 1);
    const notAfter = Date.parse(harness.doubles.issued[0]?.notAfter ?? '');
    const attempts: number[] = [];
    harness.doubles.override('placeOrder', async () => {
      attempts.push(await harness.env.currentTimeMs());
      throw activityFailure('acme/orderInvalid', 'the CA says no');
    });
    for (let hours = 0; hours < 8 * 24; hours += 6) {
      await harness.advanceTime(DAY_MS / 4);
    }
    await leap(harness, 1, 'Ready', 'False/Expired');
    const gapsHours = attempts.slice(1).map((at, index) => (at - (attempts[index] ?? 0)) / 3_600_000);
    // Daily, and every few hours on the last day: never later than a quarter of the remaining time.
    for (const [index, at] of attempts.entries()) {
      const left = notAfter - at;
      const gap = gapsHours[index];
      if (gap !== undefined && left > DAY_MS) expect(gap * 3_600_000).toBeLessThanOrEqual(left / 4 + 60_000);
    }
    const lastDay = attempts.filter((at) => at < notAfter && at > notAfter - DAY_MS);
    expect(lastDay.length).toBeGreaterThan(4);
    expect(reportedOf(harness.doubles.reports, 'Ready')).toEqual(['True/Issued', 'False/Expired']);
    expect(reportedOf(harness.doubles.reports, 'ExpiryNear').at(-1)).toBe('True/Expired');
    await expect
      .poll(() => harness.doubles.reports.at(-1))
      .toMatchObject({ state: 'Failing', failedAttempts: attempts.length });
    const last = harness.doubles.reports.at(-1);
    expect(Date.parse(last?.nextAttempt ?? '')).toBeGreaterThan(await harness.env.currentTimeMs());
    expect(last?.conditions.find(({ type }) => type === 'Failing')?.message).toContain('the CA says no');
  });
});
