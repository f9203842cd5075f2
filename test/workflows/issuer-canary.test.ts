/** A renewal whose certificate waits for the canary of its issuer. */
import { expect, test } from 'vitest';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import { certificateRevoked, dependencyChanged } from '../../src/contract/cluster-certificates.ts';
import { startTimeSkippingEnvironment } from '../support/temporal/temporal-server.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { activityFailure } from '../support/workflows/activity-doubles.ts';
import { clusterView } from '../support/workflows/cluster-views.ts';
import { useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const withHarness = useWorkflowHarness(startTimeSkippingEnvironment);

async function untilIssued(harness: WorkflowHarness, view: ClusterView, count: number): Promise<void> {
  await eventually(
    `certificate ${count} is reported`,
    async () =>
      harness.doubles.reports.filter(({ event }) => ['Issued', 'Renewed'].includes(event?.reason ?? '')).length,
    (reported) => reported === count,
  );
  await harness.untilAsleep(view);
}

/** From now on, the canary of the issuer is under way. */
function holdUntil(harness: WorkflowHarness, until: Date): void {
  harness.doubles.override('installCertificate', () =>
    Promise.reject(activityFailure('certificate/waitsForCanary', 'waits for the canary of YE2', until)),
  );
}

function conditionOf({ doubles: { reports } }: WorkflowHarness, type: string) {
  return reports.at(-1)?.conditions.find((condition) => condition.type === type);
}

function eventsOf({ doubles: { reports } }: WorkflowHarness): readonly (string | undefined)[] {
  return reports.flatMap(({ event }) => (event === undefined ? [] : [event.reason]));
}

function inputsOf({ doubles: { calls } }: WorkflowHarness, name: string): readonly unknown[] {
  return calls.filter(({ activity }) => activity === name).map(({ input }) => input);
}

/** A cluster whose renewal waits for a canary that ends an hour after day 46. */
async function waiting(harness: WorkflowHarness) {
  const view = clusterView();
  const until = new Date((await harness.env.currentTimeMs()) + 46 * DAY_MS + HOUR_MS);
  const handle = await harness.start(view);
  await untilIssued(harness, view, 1);
  holdUntil(harness, until);
  await harness.advanceTime(46 * DAY_MS);
  await eventually(
    'the renewal waits',
    async () => harness.doubles.reports.at(-1),
    (report) => report?.state === 'Waiting',
  );
  await harness.untilAsleep(view);
  return { view, until, handle };
}

test('it keeps the certificate in use, says so once, and resumes the same order after the end of the canary', async () => {
  await withHarness(async (harness) => {
    const { view, until } = await waiting(harness);
    const report = harness.doubles.reports.at(-1);
    expect(report).toMatchObject({ state: 'Waiting', failedAttempts: 0, certificate: { serialNumber: '1000' } });
    expect(Date.parse(report?.nextAttempt ?? '')).toBeGreaterThanOrEqual(until.getTime());
    expect(conditionOf(harness, 'Ready')?.status).toBe('True');
    expect(conditionOf(harness, 'Failing')).toMatchObject({ status: 'False', reason: 'NoFailure' });
    expect(conditionOf(harness, 'Renewing')).toMatchObject({ status: 'True', reason: 'CertificateWaitsForCanary' });
    expect(harness.doubles.issued).toHaveLength(1);

    harness.doubles.override('installCertificate', undefined);
    await harness.advanceTime(DAY_MS);
    await untilIssued(harness, view, 2);
    expect(eventsOf(harness)).toEqual(['Issued', 'WaitsForCanary', 'Renewed']);
    expect(inputsOf(harness, 'placeOrder')).toEqual([
      expect.not.objectContaining({ resume: expect.anything() }),
      expect.not.objectContaining({ resume: expect.anything() }),
      expect.objectContaining({ resume: 'https://ca.test/order/2' }),
    ]);
  });
});

test('a change has it ask again at once: it still waits, or is installed', async () => {
  await withHarness(async (harness) => {
    const { view, handle } = await waiting(harness);
    const before = harness.doubles.countOf('installCertificate');
    await handle.signal(dependencyChanged, { what: 'an issuer' });
    await eventually(
      'asked again',
      async () => harness.doubles.countOf('installCertificate'),
      (count) => count === before + 1,
    );
    await harness.untilAsleep(view);
    expect(harness.doubles.reports.at(-1)).toMatchObject({ state: 'Waiting', failedAttempts: 0 });
    harness.doubles.override('installCertificate', undefined);
    await handle.signal(dependencyChanged, { what: 'an issuer' });
    await untilIssued(harness, view, 2);
    expect(eventsOf(harness)).toEqual(['Issued', 'WaitsForCanary', 'Renewed']);
  });
});

test('a certificate that replaces a revoked one waits for no canary', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    const handle = await harness.start(view);
    await untilIssued(harness, view, 1);
    await handle.signal(certificateRevoked, { bundleName: 'primary', serialNumber: '1000' });
    await untilIssued(harness, view, 2);
    await harness.advanceTime(46 * DAY_MS);
    await untilIssued(harness, view, 3);
    expect(inputsOf(harness, 'fulfillOrder')).toEqual([
      expect.not.objectContaining({ skipCanary: true }),
      expect.objectContaining({ skipCanary: true }),
      expect.not.objectContaining({ skipCanary: true }),
    ]);
  });
});
