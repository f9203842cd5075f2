/** What becomes of a deletion that cannot be done, over days: by the limit, by the policy, and what is said meanwhile. */
import { expect, test } from 'vitest';
import type { StatusReport } from '../../src/certificates/status-report.ts';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import type { DecommissionRules } from '../../src/contract/activities.ts';
import { clusterObserved, type DecommissionResult } from '../../src/contract/cluster-certificates.ts';
import { startTimeSkippingEnvironment } from '../support/temporal/temporal-server.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { type ActivityDoubles, activityFailure } from '../support/workflows/activity-doubles.ts';
import { bundleView, clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

const withLab = useWorkflowHarness(startTimeSkippingEnvironment);

function rules(doubles: ActivityDoubles, given: DecommissionRules): void {
  doubles.override('decommissionRules', () => Promise.resolve(given));
}

/** The ACME account is gone. @returns what brings it back. */
function withoutAccount(doubles: ActivityDoubles): () => void {
  doubles.override('revokeCertificates', () =>
    Promise.reject(activityFailure('acme/accountMissing', 'Secret lets-encrypt-account does not exist.')),
  );
  return () => doubles.override('revokeCertificates', undefined);
}

/** Waits until the bundle's decommission is reported as blocked. */
async function blocked(lab: WorkflowHarness, { afterMs = 0, bundle = 'primary' } = {}): Promise<StatusReport> {
  if (afterMs > 0) await lab.advanceTime(afterMs);
  const blockedReports = await eventually(
    'it is reported',
    async () =>
      lab.doubles.reports.filter(
        ({ event, bundleName }) => event?.reason === 'DecommissionBlocked' && bundleName === bundle,
      ),
    (reports) => reports.length > 0,
  );
  return blockedReports.at(-1) as StatusReport;
}

/** Issued, then deleted. @returns the ledger to come, and how long it took until the finalizer was released (milliseconds). */
async function deleted(lab: WorkflowHarness, view: ClusterView) {
  let released = 0;
  lab.doubles.override('removeFinalizer', async () => {
    released = await lab.env.currentTimeMs();
    return 'released';
  });
  const handle = await lab.start(view);
  await untilReady(lab, view);
  const since = await lab.env.currentTimeMs();
  await handle.signal(clusterObserved, { ...view, deleting: true });
  return { ledger: () => handle.result() as Promise<DecommissionResult>, tookMs: () => released - since };
}

const order = (doubles: ActivityDoubles) => doubles.calls.map(({ activity }) => activity);

test('what cannot be done by the limit is given up: recorded and reported, and the finalizer is removed', async () => {
  await withLab(async (lab) => {
    rules(lab.doubles, { policy: 'release', limitMs: DAY_MS });
    withoutAccount(lab.doubles);
    const { ledger, tookMs } = await deleted(lab, clusterView());

    const report = await blocked(lab);
    const failing = report.conditions.find(({ type }) => type === 'Failing');
    expect(failing).toMatchObject({ status: 'True', reason: 'AcmeAccountMissing' });
    expect(report.conditions.find(({ type }) => type === 'Renewing')?.message).toMatch(
      /Attempt 1 failed; the next one is at \S+.*If it cannot be done by \S+, the finalizer is released without it\./,
    );
    expect(lab.doubles.countOf('removeBundle')).toBe(0);

    expect(await ledger()).toMatchObject({
      finalizerRemoved: true,
      bundles: [{ revocations: [], failures: [{ code: 'acme/accountMissing' }] }],
    });
    expect(tookMs() / DAY_MS).toBeGreaterThanOrEqual(1);
    expect(tookMs() / DAY_MS).toBeLessThan(1.01);
    // At once, after 1, 11 and 111 minutes, and at the limit.
    expect(lab.doubles.countOf('revokeCertificates')).toBe(5);
    expect(order(lab.doubles).slice(-3)).toEqual(['revokeCertificates', 'removeBundle', 'removeFinalizer']);
    expect(lab.doubles.calls.at(-1)?.args[1]).toMatchObject([{ code: 'acme/accountMissing' }]);
  });
});

test('the limit is for the whole decommission, however many of its steps are blocked', async () => {
  await withLab(async (lab) => {
    rules(lab.doubles, { policy: 'release', limitMs: DAY_MS });
    withoutAccount(lab.doubles);
    lab.doubles.override('removeBundle', () =>
      Promise.reject(activityFailure('kubernetes/forbidden', 'no right to delete')),
    );
    const view = clusterView({ bundles: [bundleView('primary'), bundleView('other')] });
    const { ledger, tookMs } = await deleted(lab, view);
    const { bundles } = await ledger();
    expect(tookMs() / DAY_MS).toBeLessThan(1.01);
    const codes = ['acme/accountMissing', 'kubernetes/forbidden'];
    expect(bundles.map(({ failures }) => failures?.map(({ code }) => code))).toEqual([codes, codes]);
  });
});

test('with the policy to wait nothing is given up: it is done as soon as it can be, weeks later', async () => {
  await withLab(async (lab) => {
    rules(lab.doubles, { policy: 'wait', limitMs: DAY_MS });
    const correct = withoutAccount(lab.doubles);
    const { ledger } = await deleted(lab, clusterView());
    const report = await blocked(lab);
    expect(report.conditions.find(({ type }) => type === 'Renewing')?.message).toContain(
      'It is tried until it can be done; to let the cluster go without it: certman release.',
    );
    await lab.advanceTime(21 * DAY_MS);
    expect(lab.doubles.countOf('revokeCertificates')).toBeGreaterThan(20);
    expect(lab.doubles.countOf('removeBundle')).toBe(0);
    expect(lab.doubles.countOf('removeFinalizer')).toBe(0);
    correct();
    const { bundles, finalizerRemoved } = await ledger();
    expect(finalizerRemoved).toBe(true);
    expect(bundles).toMatchObject([{ revocations: [{ outcome: 'revoked' }] }]);
    expect(bundles[0]).not.toHaveProperty('problem');
  });
});

test('a transient fault of the zone is reported within two minutes, not after ten', async () => {
  await withLab(async (lab) => {
    rules(lab.doubles, { policy: 'release', limitMs: DAY_MS });
    const { doubles } = lab;
    doubles.override('verifyPropagation', () => Promise.reject(activityFailure('dns/notVisible', 'not seen in time')));
    doubles.override('withdrawTxtRecords', () => Promise.reject(activityFailure('dns/accessDenied', 'not now')));
    const view = clusterView();
    const handle = await lab.start(view);
    await eventually(
      'records were left',
      () => lab.status(view),
      ({ bundles }) => bundles['primary']?.leftoverRecords?.length === 2,
    );
    const away = Object.assign(activityFailure('dns/unreachable', 'Route 53 does not answer'), { nonRetryable: false });
    doubles.override('withdrawTxtRecords', () => Promise.reject(away));
    await handle.signal(clusterObserved, { ...view, deleting: true });
    const report = await blocked(lab, { afterMs: 2 * MINUTE_MS });
    expect(report.conditions.find(({ type }) => type === 'Failing')).toMatchObject({ reason: 'DnsUnreachable' });
    doubles.override('withdrawTxtRecords', undefined);
    await handle.result();
    expect(doubles.published.size).toBe(0);
  });
});

test('a bundle that is no longer asked for goes by the same limit, and says what was left', async () => {
  await withLab(async (lab) => {
    rules(lab.doubles, { policy: 'release', limitMs: DAY_MS });
    withoutAccount(lab.doubles);
    const view = clusterView({ bundles: [bundleView('primary'), bundleView('former', 'former.example.com')] });
    const handle = await lab.start(view);
    await untilReady(lab, view);
    await untilReady(lab, view, 'former');
    await handle.signal(clusterObserved, { ...view, bundles: [bundleView('primary')] });
    await blocked(lab, { bundle: 'former' });
    await lab.advanceTime(1.1 * DAY_MS);
    const { bundles } = await eventually(
      'it is given up',
      () => lab.status(view),
      (status) => status.bundles['former'] === undefined,
    );
    expect(bundles['primary']?.state).toBe('Ready');
    expect(lab.doubles.reports.at(-1)).toMatchObject({
      bundleName: 'former',
      event: {
        reason: 'DecommissionIncomplete',
        message: expect.stringContaining('lets-encrypt-account') as string,
      },
    });
    expect(lab.doubles.countOf('removeFinalizer')).toBe(0);
  });
});

test('a bundle whose decommission is blocked for months prevents neither renewals of the others nor continue-as-new', async () => {
  await withLab(async (lab) => {
    rules(lab.doubles, { policy: 'wait', limitMs: DAY_MS });
    const correct = withoutAccount(lab.doubles);
    const view = clusterView({ bundles: [bundleView('primary'), bundleView('former', 'former.example.com')] });
    const handle = await lab.start(view);
    await untilReady(lab, view);
    await untilReady(lab, view, 'former');
    await handle.signal(clusterObserved, { ...view, bundles: [bundleView('primary')] });
    await blocked(lab, { bundle: 'former' });
    const former = (await lab.status(view)).bundles['former'];
    const since = former?.state === 'Decommissioning' ? former.started.since : undefined;
    const { runId } = await handle.describe();
    // Two steps, so that the answers of activities have real time to arrive between the leaps.
    await lab.advanceTime(44 * DAY_MS);
    await lab.advanceTime(2 * DAY_MS);
    await eventually(
      'renewed',
      async () => lab.doubles.issued,
      (issued) => issued.length === 3,
    );
    await eventually(
      'continued as new',
      () => lab.env.client.workflow.getHandle(handle.workflowId).describe(),
      (now) => now.runId !== runId,
    );
    expect(since).toBeDefined();
    expect((await lab.status(view)).bundles['former']).toMatchObject({ started: { since, policy: 'wait' } });
    correct();
    await lab.advanceTime(1.1 * DAY_MS);
    await eventually(
      'done',
      () => lab.status(view),
      ({ bundles }) => bundles['former'] === undefined,
    );
    expect(lab.doubles.secrets.has('former-cert')).toBe(false);
    expect(lab.doubles.secrets.has('primary-cert')).toBe(true);
  });
});
