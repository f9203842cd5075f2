/** A decommission that is blocked for days: the limit, the policy, and the reports meanwhile. */
import { expect, test } from 'vitest';
import type { StatusReport } from '../../src/certificates/status-report.ts';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import type { DecommissionRules } from '../../src/contract/activities/kubernetes.ts';
import { clusterObserved, type DecommissionResult } from '../../src/contract/cluster-certificates.ts';
import { startTimeSkippingEnvironment } from '../support/temporal/temporal-server.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { type ActivityDoubles, activityFailure } from '../support/workflows/activity-doubles.ts';
import { bundleView, clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

const withHarness = useWorkflowHarness(startTimeSkippingEnvironment);

function rules(doubles: ActivityDoubles, given: DecommissionRules): void {
  doubles.override('decommissionRules', () => Promise.resolve(given));
}

/** Removes the ACME account. @returns what restores it. */
function withoutAccount(doubles: ActivityDoubles): () => void {
  doubles.override('revokeCertificates', () =>
    Promise.reject(activityFailure('acme/accountMissing', 'Secret lets-encrypt-account does not exist.')),
  );
  return () => doubles.override('revokeCertificates', undefined);
}

/** Waits until the bundle's decommission is reported as blocked. */
async function blocked(harness: WorkflowHarness, { afterMs = 0, bundle = 'primary' } = {}): Promise<StatusReport> {
  if (afterMs > 0) await harness.advanceTime(afterMs);
  const blockedReports = await eventually(
    'it is reported',
    async () =>
      harness.doubles.reports.filter(
        ({ event, bundleName }) => event?.reason === 'DecommissionBlocked' && bundleName === bundle,
      ),
    (reports) => reports.length > 0,
  );
  return blockedReports.at(-1) as StatusReport;
}

/** Issues, then deletes. @returns the decommission result and the duration until the finalizer was removed (milliseconds). */
async function deleted(harness: WorkflowHarness, view: ClusterView) {
  let released = 0;
  harness.doubles.override('removeFinalizer', async () => {
    released = await harness.env.currentTimeMs();
    return 'released';
  });
  const handle = await harness.start(view);
  await untilReady(harness, view);
  const since = await harness.env.currentTimeMs();
  await harness.untilAsleep(view);
  await handle.signal(clusterObserved, { ...view, deleting: true });
  return { result: () => handle.result() as Promise<DecommissionResult>, tookMs: () => released - since };
}

const order = (doubles: ActivityDoubles) => doubles.calls.map(({ activity }) => activity);

test('what cannot be done by the limit is given up: recorded and reported, and the finalizer is removed', async () => {
  await withHarness(async (harness) => {
    rules(harness.doubles, { policy: 'release', limitMs: DAY_MS });
    withoutAccount(harness.doubles);
    const { result, tookMs } = await deleted(harness, clusterView());

    const report = await blocked(harness);
    const failing = report.conditions.find(({ type }) => type === 'Failing');
    expect(failing).toMatchObject({ status: 'True', reason: 'AcmeAccountMissing' });
    expect(report.conditions.find(({ type }) => type === 'Renewing')?.message).toMatch(
      /Attempt 1 failed; the next one is at \S+.*If it cannot be done by \S+, the finalizer is released without it\./,
    );
    expect(harness.doubles.countOf('removeBundle')).toBe(0);

    expect(await result()).toMatchObject({
      finalizerRemoved: true,
      bundles: [{ revocations: [], failures: [{ code: 'acme/accountMissing' }] }],
    });
    expect(tookMs() / DAY_MS).toBeGreaterThanOrEqual(1);
    expect(tookMs() / DAY_MS).toBeLessThan(1.01);
    // At once, after at most 1, 10 and 100 minutes, then after 100 minutes to a day, and at the limit.
    expect(harness.doubles.countOf('revokeCertificates')).toBeGreaterThanOrEqual(5);
    expect(harness.doubles.countOf('revokeCertificates')).toBeLessThanOrEqual(
      4 + Math.ceil(DAY_MS / (100 * MINUTE_MS)),
    );
    expect(order(harness.doubles).slice(-3)).toEqual(['revokeCertificates', 'removeBundle', 'removeFinalizer']);
    expect(harness.doubles.calls.at(-1)?.args[1]).toMatchObject([{ code: 'acme/accountMissing' }]);
  });
});

test('the limit is for the whole decommission, however many of its steps are blocked', async () => {
  await withHarness(async (harness) => {
    rules(harness.doubles, { policy: 'release', limitMs: DAY_MS });
    withoutAccount(harness.doubles);
    harness.doubles.override('removeBundle', () =>
      Promise.reject(activityFailure('kubernetes/forbidden', 'no right to delete')),
    );
    const view = clusterView({ bundles: [bundleView('primary'), bundleView('other')] });
    const { result, tookMs } = await deleted(harness, view);
    const { bundles } = await result();
    expect(tookMs() / DAY_MS).toBeLessThan(1.01);
    const codes = ['acme/accountMissing', 'kubernetes/forbidden'];
    expect(bundles.map(({ failures }) => failures?.map(({ code }) => code))).toEqual([codes, codes]);
  });
});

test('with the policy wait nothing is given up: the decommission completes weeks later', async () => {
  await withHarness(async (harness) => {
    rules(harness.doubles, { policy: 'wait', limitMs: DAY_MS });
    const correct = withoutAccount(harness.doubles);
    const { result } = await deleted(harness, clusterView());
    const report = await blocked(harness);
    expect(report.conditions.find(({ type }) => type === 'Renewing')?.message).toContain(
      'It is retried until it succeeds; to release the cluster without it: certman release.',
    );
    await harness.advanceTime(21 * DAY_MS);
    expect(harness.doubles.countOf('revokeCertificates')).toBeGreaterThan(20);
    expect(harness.doubles.countOf('removeBundle')).toBe(0);
    expect(harness.doubles.countOf('removeFinalizer')).toBe(0);
    correct();
    const { bundles, finalizerRemoved } = await result();
    expect(finalizerRemoved).toBe(true);
    expect(bundles).toMatchObject([{ revocations: [{ outcome: 'revoked' }] }]);
    expect(bundles[0]).not.toHaveProperty('problem');
  });
});

test('a transient fault of the zone is reported within two minutes, not after ten', async () => {
  await withHarness(async (harness) => {
    rules(harness.doubles, { policy: 'release', limitMs: DAY_MS });
    const { doubles } = harness;
    doubles.override('verifyPropagation', () => Promise.reject(activityFailure('dns/notVisible', 'not seen in time')));
    doubles.override('withdrawTxtRecords', () => Promise.reject(activityFailure('dns/accessDenied', 'not now')));
    const view = clusterView();
    const handle = await harness.start(view);
    await eventually(
      'records were left',
      () => harness.status(view),
      ({ bundles }) => bundles['primary']?.leftoverRecords?.length === 2,
    );
    const away = Object.assign(activityFailure('dns/unreachable', 'Route 53 does not answer'), { nonRetryable: false });
    doubles.override('withdrawTxtRecords', () => Promise.reject(away));
    await harness.untilAsleep(view);
    await handle.signal(clusterObserved, { ...view, deleting: true });
    const report = await blocked(harness, { afterMs: 2 * MINUTE_MS });
    expect(report.conditions.find(({ type }) => type === 'Failing')).toMatchObject({ reason: 'DnsUnreachable' });
    doubles.override('withdrawTxtRecords', undefined);
    await handle.result();
    expect(doubles.published.size).toBe(0);
  });
});

test('a removed bundle has the same limit, and reports what could not be done', async () => {
  await withHarness(async (harness) => {
    rules(harness.doubles, { policy: 'release', limitMs: DAY_MS });
    withoutAccount(harness.doubles);
    const view = clusterView({ bundles: [bundleView('primary'), bundleView('former', 'former.example.com')] });
    const handle = await harness.start(view);
    await untilReady(harness, view);
    await untilReady(harness, view, 'former');
    await harness.untilAsleep(view);
    await handle.signal(clusterObserved, { ...view, bundles: [bundleView('primary')] });
    await blocked(harness, { bundle: 'former' });
    await harness.advanceTime(1.1 * DAY_MS);
    const { bundles } = await eventually(
      'it is given up',
      () => harness.status(view),
      (status) => status.bundles['former'] === undefined,
    );
    expect(bundles['primary']?.state).toBe('Ready');
    await expect
      .poll(() => harness.doubles.reports)
      .toContainEqual(
        expect.objectContaining({
          bundleName: 'former',
          event: expect.objectContaining({
            reason: 'DecommissionIncomplete',
            message: expect.stringContaining('lets-encrypt-account') as string,
          }) as unknown,
        }),
      );
    expect(harness.doubles.countOf('removeFinalizer')).toBe(0);
  });
});

test('a bundle whose decommission is blocked for months prevents neither renewals of the others nor continue-as-new', async () => {
  await withHarness(async (harness) => {
    rules(harness.doubles, { policy: 'wait', limitMs: DAY_MS });
    const correct = withoutAccount(harness.doubles);
    const view = clusterView({ bundles: [bundleView('primary'), bundleView('former', 'former.example.com')] });
    const handle = await harness.start(view);
    await untilReady(harness, view);
    await untilReady(harness, view, 'former');
    await harness.untilAsleep(view);
    await handle.signal(clusterObserved, { ...view, bundles: [bundleView('primary')] });
    await blocked(harness, { bundle: 'former' });
    const former = (await harness.status(view)).bundles['former'];
    const since = former?.state === 'Decommissioning' ? former.started.since : undefined;
    const { runId } = await handle.describe();
    // In two steps, so that activity results arrive between them.
    await harness.advanceTime(44 * DAY_MS);
    await harness.advanceTime(2 * DAY_MS);
    await eventually(
      'renewed',
      async () => harness.doubles.issued,
      (issued) => issued.length === 3,
    );
    await eventually(
      'continued as new',
      () => harness.env.client.workflow.getHandle(handle.workflowId).describe(),
      (now) => now.runId !== runId,
    );
    expect(since).toBeDefined();
    expect((await harness.status(view)).bundles['former']).toMatchObject({ started: { since, policy: 'wait' } });
    correct();
    await harness.advanceTime(1.1 * DAY_MS);
    await eventually(
      'done',
      () => harness.status(view),
      ({ bundles }) => bundles['former'] === undefined,
    );
    expect(harness.doubles.secrets.has('former-cert')).toBe(false);
    expect(harness.doubles.secrets.has('primary-cert')).toBe(true);
  });
});
