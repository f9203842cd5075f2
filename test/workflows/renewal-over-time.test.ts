import { defaultPayloadConverter } from '@temporalio/common';
import { expect, test } from 'vitest';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import { clusterObserved, renew } from '../../src/contract/cluster-certificates.ts';
import { issuanceWorkflowId } from '../../src/contract/ids.ts';
import { startTimeSkippingEnvironment } from '../support/temporal/temporal-server.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { activityFailure } from '../support/workflows/activity-doubles.ts';
import { clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const DAY_MS = 86_400_000;

const withHarness = useWorkflowHarness(startTimeSkippingEnvironment);

/** The reason of an order, from the search attributes. */
async function reasonOf(harness: WorkflowHarness, view: ClusterView, order: number): Promise<unknown> {
  const { events } = await harness.env.client.workflow
    .getHandle(issuanceWorkflowId(view.identity, 'primary', order))
    .fetchHistory();
  const reason = events?.[0]?.workflowExecutionStartedEventAttributes?.searchAttributes?.indexedFields?.['CertReason'];
  return reason && defaultPayloadConverter.fromPayload(reason);
}

test('after 45 days asleep a 90-day certificate is renewed, once, within a day of its renewalTime', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    const begin = await harness.env.currentTimeMs();
    await harness.start(view);
    await eventually(
      'first certificate',
      async () => harness.doubles.issued,
      (issued) => issued.length === 1,
    );
    await harness.advanceTime(43 * DAY_MS);
    expect(harness.doubles.issued).toHaveLength(1);
    await harness.advanceTime(3 * DAY_MS);
    await eventually(
      'renewed',
      async () => harness.doubles.issued,
      (issued) => issued.length === 2,
    );
    const renewedAfter = (Date.parse(harness.doubles.issued[1]?.notBefore ?? '') - begin) / DAY_MS;
    expect(renewedAfter).toBeGreaterThan(43.9);
    expect(renewedAfter).toBeLessThanOrEqual(45.01);
    expect(await Promise.all([1, 2].map((order) => reasonOf(harness, view, order)))).toEqual([
      'SecretMissing',
      'RenewalDue',
    ]);
  });
});

test('a certificate whose validity lies ahead is Ready once it begins', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    const now = await harness.env.currentTimeMs();
    const at = (days: number): string => new Date(now + days * DAY_MS).toISOString();
    harness.doubles.secrets.set('primary-cert', {
      kind: 'valid',
      certificate: {
        serialNumber: '7',
        issuerName: 'Test CA',
        notBefore: at(2),
        notAfter: at(92),
        dnsNames: ['api.c1.example.com', '*.apps.c1.example.com'],
        fingerprint: 'f',
      },
    });
    const shown = () =>
      harness.doubles.reports.map(({ conditions }) => conditions.find(({ type }) => type === 'Ready')?.reason);
    await harness.start(view);
    await eventually(
      'its status is written',
      async () => shown(),
      (reasons) => reasons.length === 1,
    );
    await harness.advanceTime(3 * DAY_MS);
    await eventually(
      'its status is written again',
      async () => shown(),
      (reasons) => reasons.length === 2,
    );
    expect(shown()).toEqual(['NotYetValid', 'Issued']);
    expect(harness.doubles.issued).toHaveLength(0);
  });
});

test('a failing renewal is retried after at most 1, 10, 100 minutes and then daily, while the certificate stays Ready', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    await harness.start(view);
    await eventually(
      'first certificate',
      async () => harness.doubles.issued,
      (issued) => issued.length === 1,
    );
    const attempts: number[] = [];
    harness.doubles.override('placeOrder', async () => {
      attempts.push(await harness.env.currentTimeMs());
      throw activityFailure('acme/orderInvalid', 'the CA says no');
    });
    await harness.advanceTime(45 * DAY_MS);
    for (let step = 0; step < 40 && attempts.length < 6; step += 1) await harness.advanceTime(3 * 3_600_000);
    const minutes = attempts.slice(1).map((at, index) => (at - (attempts[index] ?? 0)) / 60_000);
    // Each delay lies between the schedule's previous one and its own; the clock adds seconds.
    for (const [index, [least, most]] of (
      [
        [0, 1],
        [1, 10],
        [10, 100],
        [100, 1440],
      ] as const
    ).entries()) {
      expect(minutes[index], `delay ${index + 1}`).toBeGreaterThanOrEqual(least);
      expect(minutes[index], `delay ${index + 1}`).toBeLessThan(most + 1);
    }
    const report = harness.doubles.reports.at(-1);
    expect(report?.conditions.find((condition) => condition.type === 'Ready')?.status).toBe('True');
    expect(report?.conditions.find((condition) => condition.type === 'Failing')).toMatchObject({
      status: 'True',
      reason: 'AcmeOrderInvalid',
    });
    harness.doubles.override('placeOrder', undefined);
    await harness.advanceTime(DAY_MS);
    await eventually(
      'renewed at last',
      async () => harness.doubles.issued,
      (issued) => issued.length === 2,
    );
  });
});

test('a deleted cluster wakes from its sleep at once', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    const handle = await harness.start(view);
    await eventually(
      'first certificate',
      async () => harness.doubles.issued,
      (issued) => issued.length === 1,
    );
    await harness.untilAsleep(view);
    await handle.signal(clusterObserved, { ...view, deleting: true });
    // The clock stands: waiting for the result would advance it.
    await eventually(
      'its end',
      () => handle.describe(),
      ({ status }) => status.name === 'COMPLETED',
    );
  });
});

test('a requested renewal that keeps failing is attempted for a week, by the retry schedule, and then says so', async () => {
  await withHarness(async (harness) => {
    const { doubles } = harness;
    const view = clusterView();
    const handle = await harness.start(view);
    await untilReady(harness, view);
    doubles.failOrders('acme/unauthorized', 'The CA rejects it.');
    await expect(handle.executeUpdate(renew, { args: [{}] })).rejects.toThrow();
    await harness.advanceTime(3 * DAY_MS);
    expect(doubles.countOf('placeOrder')).toBeGreaterThan(3);
    await harness.advanceTime(5 * DAY_MS);
    const event = await eventually(
      'expired',
      async () => doubles.reports.map((report) => report.event).find((one) => one?.reason === 'RenewalRequestExpired'),
      (found) => found !== undefined,
    );
    expect(event?.message).toContain('The CA rejects it.');
    await untilReady(harness, view);
    const { renewalRequest } = (await harness.status(view)).bundles['primary'] ?? {};
    expect(renewalRequest?.expired).toBe('The CA rejects it.');
    // Within 1, 10, 100 minutes, then daily, with jitter.
    const attempts = doubles.countOf('placeOrder');
    expect(attempts).toBeLessThan(25);
    await harness.advanceTime(5 * DAY_MS);
    expect(doubles.countOf('placeOrder')).toBe(attempts);
    expect(doubles.reports.at(-1)?.conditions.find(({ type }) => type === 'Renewing')).toMatchObject({
      status: 'False',
      reason: 'RequestExpired',
    });
  });
});
