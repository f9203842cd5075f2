import { expect, test } from 'vitest';
import type { RenewalWindow } from '../../src/certificates/renewal-window.ts';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import { dependencyChanged, renewalWindowChanged } from '../../src/contract/cluster-certificates.ts';
import { startTimeSkippingEnvironment } from '../support/temporal/temporal-server.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { clusterView } from '../support/workflows/cluster-views.ts';
import { useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const DAY_MS = 86_400_000;

const withHarness = useWorkflowHarness(startTimeSkippingEnvironment);

async function issuedCount(harness: WorkflowHarness, count: number): Promise<void> {
  await eventually(
    `${count} certificates`,
    async () => harness.doubles.issued.length,
    (issued) => issued === count,
  );
}

/** Days from its issuance to the planned renewal of the certificate in use. */
function plannedDay({ doubles: { reports } }: WorkflowHarness): number {
  const { state, certificate, renewalTime } = reports.at(-1) ?? {};
  if (state !== 'Ready') return Number.NaN;
  return (Date.parse(renewalTime ?? '') - Date.parse(certificate?.notBefore ?? '')) / DAY_MS;
}

/** By the reports: a query is a task for the worker, at which a time-skipping server stops its clock. */
async function untilPlanned(harness: WorkflowHarness, view: ClusterView, from: number, to: number): Promise<void> {
  await eventually(
    `the renewal is planned for day ${from} to ${to}`,
    async () => plannedDay(harness),
    (day) => day >= from && day <= to,
  );
  await harness.untilAsleep(view);
}

function conditionMessage({ doubles: { reports } }: WorkflowHarness, type: string): string {
  return reports.at(-1)?.conditions.find((condition) => condition.type === type)?.message ?? '';
}

/** Days that the last certificate but one was in use. */
function daysInUse({ doubles: { issued } }: WorkflowHarness): number {
  const [before, last] = issued.slice(-2);
  return (Date.parse(last?.notBefore ?? '') - Date.parse(before?.notBefore ?? '')) / DAY_MS;
}

function windowOf({ doubles: { issued } }: WorkflowHarness, fromDay: number, toDay: number): RenewalWindow {
  const { certId = '', notBefore } = issued.at(-1) ?? { notBefore: '' };
  const at = (day: number): string => new Date(Date.parse(notBefore) + day * DAY_MS).toISOString();
  return { certId, start: at(fromDay), end: at(toDay) };
}

test('by policy ari, a certificate waits for the window of the CA, also for one that moved to the past', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    harness.doubles.renewalPolicy = 'ari';
    const handle = await harness.start(view);
    await issuedCount(harness, 1);
    await untilPlanned(harness, view, 58.9, 60);
    await handle.signal(renewalWindowChanged, { bundleName: 'primary', window: windowOf(harness, 62, 63) });
    await untilPlanned(harness, view, 62, 63.01);
    await harness.advanceTime(61 * DAY_MS);
    expect(harness.doubles.issued).toHaveLength(1);
    await harness.advanceTime(3 * DAY_MS);
    await issuedCount(harness, 2);
    expect(daysInUse(harness)).toBeGreaterThanOrEqual(62);
    expect(daysInUse(harness)).toBeLessThan(63.1);
    // The window was that of the first certificate.
    await untilPlanned(harness, view, 58.9, 60);
    await handle.signal(renewalWindowChanged, { bundleName: 'primary', window: windowOf(harness, -3, -1) });
    await issuedCount(harness, 3);
    expect(daysInUse(harness)).toBeLessThan(3);
  });
});

test('by policy ari, a window that the CA suggests with the certificate needs no signal', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    const { doubles } = harness;
    doubles.renewalPolicy = 'ari';
    doubles.suggestsWindow = { fromDay: 64, toDay: 65 };
    await harness.start(view);
    await untilPlanned(harness, view, 64, 65.01);
    doubles.renewalPolicy = undefined;
    await harness.advanceTime(66 * DAY_MS);
    await issuedCount(harness, 2);
    expect(daysInUse(harness)).toBeGreaterThanOrEqual(64);
    const wanted = doubles.calls.filter(({ activity }) => activity === 'fulfillOrder').map(({ input }) => input);
    expect(wanted).toEqual([
      expect.objectContaining({ returnWindow: true }),
      expect.not.objectContaining({ returnWindow: true }),
    ]);
  });
});

test('a policy that changes while the workflow sleeps takes effect, and orders nothing at once', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    const handle = await harness.start(view);
    await issuedCount(harness, 1);
    await untilPlanned(harness, view, 43.9, 45);
    // No signal: it takes effect when the renewal is due by the earlier plan.
    harness.doubles.renewalPolicy = 'ari';
    await harness.advanceTime(50 * DAY_MS);
    expect(harness.doubles.issued).toHaveLength(1);
    await untilPlanned(harness, view, 58.9, 60);
    // By the default, it would have been renewed already.
    harness.doubles.renewalPolicy = undefined;
    await handle.signal(dependencyChanged, { what: 'the renewal policy' });
    await eventually(
      'the kept policy is shown',
      async () => conditionMessage(harness, 'Renewing'),
      (message) => message.includes('applies from the next certificate on'),
    );
    expect(harness.doubles.issued).toHaveLength(1);
    await harness.advanceTime(12 * DAY_MS);
    await issuedCount(harness, 2);
    expect(daysInUse(harness)).toBeGreaterThan(58.9);
    await untilPlanned(harness, view, 43.9, 45);
  });
});

test('the change to the default advances a renewal that is not due by it', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    harness.doubles.renewalPolicy = 'ari';
    const handle = await harness.start(view);
    await issuedCount(harness, 1);
    harness.doubles.renewalPolicy = undefined;
    await harness.untilAsleep(view);
    await handle.signal(dependencyChanged, { what: 'the renewal policy' });
    await untilPlanned(harness, view, 43.9, 45);
    expect(harness.doubles.issued).toHaveLength(1);
  });
});

test('the activity that evaluates a waiting certificate writes the status that its workflow would write', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    harness.doubles.renewalPolicy = 'ari';
    harness.doubles.reportsSettled = true;
    const handle = await harness.start(view);
    await issuedCount(harness, 1);
    await harness.untilAsleep(view);
    const written = harness.doubles.countOf('reportStatus');
    const window = windowOf(harness, 59, 61);
    await handle.signal(renewalWindowChanged, { bundleName: 'primary', window });
    await eventually(
      'the report shows the window',
      async () => harness.doubles.reports.at(-1),
      (report) => report?.suggestedWindow?.start === window.start,
    );
    await harness.untilAsleep(view);
    expect(harness.doubles.countOf('reportStatus')).toBe(written);
    expect(conditionMessage(harness, 'Renewing')).toContain(
      `the CA suggests a renewal between ${window.start} and ${window.end}`,
    );
  });
});
