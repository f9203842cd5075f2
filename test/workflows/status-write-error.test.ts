/** A status that cannot be written is recorded, apart from the message, is written again later, and holds up nothing. */
import { expect, test } from 'vitest';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import type { BundleRecord } from '../../src/contract/bundle-record.ts';
import { clusterObserved, dependencyChanged, release } from '../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../src/contract/ids.ts';
import { startTimeSkippingEnvironment } from '../support/temporal/temporal-server.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { activityFailure, retryableFailure } from '../support/workflows/activity-doubles.ts';
import { clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

const withHarness = useWorkflowHarness(startTimeSkippingEnvironment);

function until(harness: WorkflowHarness, view: ClusterView, what: string, holds: (record: BundleRecord) => boolean) {
  return eventually(
    what,
    async () => (await harness.status(view)).bundles['primary'],
    (record) => record !== undefined && holds(record),
  );
}

/** Advances the time by these steps until the condition holds. */
async function leapUntil(harness: WorkflowHarness, stepMs: number, what: string, holds: () => boolean): Promise<void> {
  for (let step = 0; step < 200; step += 1) {
    if (holds()) return;
    await harness.advanceTime(stepMs);
  }
  throw new Error(`not after 200 steps: ${what}`);
}

/** Fails every status write as an API server that is down does. @returns the instants of the writes that were tried. */
function withoutStatus(harness: WorkflowHarness): readonly number[] {
  const tried: number[] = [];
  harness.doubles.override('reportStatus', async () => {
    tried.push(await harness.env.currentTimeMs());
    throw retryableFailure();
  });
  return tried;
}

function handleOf(harness: WorkflowHarness, view: ClusterView) {
  return harness.env.client.workflow.getHandle(clusterWorkflowId(view.identity));
}

test('a status that is rejected repeatedly is recorded once, apart from the message, until it is written', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    const limit = new Date((await harness.env.currentTimeMs()) + DAY_MS);
    harness.doubles.override('placeOrder', () =>
      Promise.reject(activityFailure('acme/rateLimited', 'too many orders', limit)),
    );
    let refusals = 0;
    harness.doubles.override('reportStatus', ({ report }) => {
      harness.doubles.reports.push(report);
      refusals += 1;
      return Promise.reject(activityFailure('kubernetes/forbidden', `refusal ${refusals}`));
    });
    const isRefused = ({ statusWriteError }: BundleRecord, refusal: string) =>
      statusWriteError?.failure.message === refusal;
    const handle = await harness.start(view);
    await until(harness, view, 'refused', (record) => isRefused(record, 'refusal 1'));
    // After the pause, the same status is reported again.
    await handle.signal(clusterObserved, { ...view, paused: true });
    await until(harness, view, 'paused', (record) => record.state === 'Paused' && isRefused(record, 'refusal 2'));
    await handle.signal(clusterObserved, view);
    const record = await until(harness, view, 'refused again', (found) => isRefused(found, 'refusal 3'));
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

test('a sleeping bundle writes its status again, at growing intervals, and sleeps on', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    const tried = withoutStatus(harness);
    await harness.start(view);
    const refused = await until(harness, view, 'recorded', ({ statusWriteError }) => statusWriteError !== undefined);
    expect(refused).toMatchObject({ state: 'Ready', statusWriteError: { failure: { code: 'dns/notVisible' } } });
    expect(tried).toHaveLength(3);
    const evaluations = harness.doubles.countOf('applyCertificateRequest');
    await leapUntil(harness, MINUTE_MS / 2, 'written again', () => tried.length >= 15);
    // By groups of three attempts: after half a minute, 1, 5 and 10 minutes.
    const starts = tried.filter((_, index) => index % 3 === 0);
    const gaps = starts.slice(1).map((at, index) => (at - (starts[index] ?? 0)) / MINUTE_MS);
    // The delays of an outage, each with full jitter; a write takes three attempts.
    for (const [index, [least, most]] of [
      [0.25, 0.5],
      [0.5, 1],
      [1, 5],
      [5, 10],
    ].entries()) {
      expect(gaps[index]).toBeGreaterThanOrEqual(least ?? 0);
      expect(gaps[index]).toBeLessThan((most ?? 0) + 1);
    }
    harness.doubles.override('reportStatus', undefined);
    const before = harness.doubles.reports.length;
    await leapUntil(harness, MINUTE_MS, 'written', () => harness.doubles.reports.length > before);
    const written = await until(harness, view, 'noted', ({ statusWriteError }) => statusWriteError === undefined);
    expect(written?.state).toBe('Ready');
    const report = harness.doubles.reports.at(-1);
    expect(report?.state).toBe('Ready');
    expect(report?.event).toBeUndefined();
    expect(harness.doubles.countOf('applyCertificateRequest')).toBe(evaluations);
    await harness.advanceTime(DAY_MS);
    expect(harness.doubles.reports).toHaveLength(before + 1);
  });
});

test('no status write holds up a renewal', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    await harness.start(view);
    await untilReady(harness, view);
    harness.doubles.override('reportStatus', () =>
      Promise.reject(activityFailure('kubernetes/forbidden', 'no right to the status')),
    );
    await leapUntil(harness, 5 * DAY_MS, 'renewed by the timer', () => harness.doubles.issued.length === 2);
    await leapUntil(harness, 5 * DAY_MS, 'and again', () => harness.doubles.issued.length === 3);
    await until(harness, view, 'recorded', ({ statusWriteError }) => statusWriteError !== undefined);
  });
});

test('no status write holds up a blocked deletion, nor its release', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    await harness.start(view);
    await untilReady(harness, view);
    const tried = withoutStatus(harness);
    const limit = new Date((await harness.env.currentTimeMs()) + DAY_MS);
    harness.doubles.override('revokeCertificates', () =>
      Promise.reject(activityFailure('acme/rateLimited', 'too many revocations', limit)),
    );
    await handleOf(harness, view).signal(clusterObserved, { ...view, deleting: true });
    await until(harness, view, 'recorded', ({ statusWriteError }) => statusWriteError !== undefined);
    // Long before the next attempt at the revocation.
    const revocations = harness.doubles.countOf('revokeCertificates');
    const writes = tried.length;
    await leapUntil(harness, 10_000, 'written again', () => tried.length > writes);
    expect(harness.doubles.countOf('revokeCertificates')).toBe(revocations);
    expect(await handleOf(harness, view).executeUpdate(release)).toMatchObject({ finalizer: 'released' });
    expect(await handleOf(harness, view).result()).toMatchObject({ finalizerRemoved: true });
  });
});

test('no status is written again while the cluster moves to another management cluster', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    const tried = withoutStatus(harness);
    const handle = await harness.start(view);
    await until(harness, view, 'recorded', ({ statusWriteError }) => statusWriteError !== undefined);
    await handle.signal(clusterObserved, { ...view, relocation: 'outgoing' });
    await until(harness, view, 'paused', ({ state }) => state === 'Paused');
    const writes = tried.length;
    await handle.signal(dependencyChanged, { what: 'a test' });
    await harness.advanceTime(60 * MINUTE_MS);
    expect(tried).toHaveLength(writes);
  });
});
