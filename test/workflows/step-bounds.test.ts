/** Steps on the API server that fail: each ends within a bound, is recorded, and is retried by the schedule. */
import { ApplicationFailure } from '@temporalio/common';
import { describe, expect, test } from 'vitest';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import type { Activities } from '../../src/contract/activities.ts';
import { type BundleRecord, failureOf, nextAttemptOf } from '../../src/contract/bundle-record.ts';
import {
  clusterObserved,
  type DecommissionResult,
  dependencyChanged,
  renew,
} from '../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../src/contract/ids.ts';
import { failureInfo } from '../../src/failures/failure.ts';
import { startTimeSkippingEnvironment } from '../support/temporal/temporal-server.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { activityFailure, retryableFailure } from '../support/workflows/activity-doubles.ts';
import { bundleView, clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const MINUTE_MS = 60_000;

const withHarness = useWorkflowHarness(startTimeSkippingEnvironment);

const refused = () => Promise.reject(retryableFailure());
const isRefused = (record: BundleRecord) => failureOf(record)?.code === 'dns/notVisible';

function handleOf(harness: WorkflowHarness, view: ClusterView) {
  return harness.env.client.workflow.getHandle(clusterWorkflowId(view.identity));
}

async function recordIn(harness: WorkflowHarness, view: ClusterView, bundle = 'primary') {
  return (await harness.status(view)).bundles[bundle];
}

/** Advances the time until the record is as expected. */
async function leapUntil(
  harness: WorkflowHarness,
  view: ClusterView,
  what: string,
  holds: (record: BundleRecord) => boolean,
): Promise<BundleRecord> {
  for (let step = 0; step < 30; step += 1) {
    // First: a run that continues as new starts a second later.
    await harness.advanceTime(MINUTE_MS / 2);
    const record = await recordIn(harness, view);
    if (record !== undefined && holds(record)) return record;
  }
  throw new Error(`not within 15 minutes: ${what}`);
}

describe('an API server that refuses', () => {
  test('has the evaluation recorded as failed and retried', async () => {
    await withHarness(async (harness) => {
      const view = clusterView();
      harness.doubles.override('applyCertificateRequest', refused);
      await harness.start(view);
      const record = await leapUntil(harness, view, 'recorded', isRefused);
      expect(record.state).toBe('Failing');
      const nextAttempt = Date.parse(nextAttemptOf(record) ?? '');
      expect(nextAttempt - (await harness.env.currentTimeMs())).toBeLessThanOrEqual(10 * MINUTE_MS);
      // Only the first report of a failure has the Event, and the next attempt may have been reported since.
      await expect
        .poll(() => harness.doubles.reports)
        .toContainEqual(
          expect.objectContaining({ state: 'Failing', event: expect.objectContaining({ reason: 'Failing' }) }),
        );
      harness.doubles.override('applyCertificateRequest', undefined);
      await leapUntil(harness, view, 'Ready', ({ state }) => state === 'Ready');
    });
  });

  test.each(['removeBundle', 'removeFinalizer'] as const)(
    'has %s recorded as blocked and retried',
    async (activity) => {
      await withHarness(async (harness) => {
        const view = clusterView();
        const handle = await harness.start(view);
        await untilReady(harness, view);
        await harness.untilAsleep(view);
        harness.doubles.override(activity, refused);
        await handle.signal(clusterObserved, { ...view, deleting: true });
        const record = await leapUntil(harness, view, 'recorded', isRefused);
        expect(record.state).toBe('Decommissioning');
        expect(nextAttemptOf(record)).toBeDefined();
        harness.doubles.override(activity, undefined);
        await handle.signal(dependencyChanged, { what: 'the API server is back' });
        expect(await handle.result()).toMatchObject({ finalizerRemoved: true });
      });
    },
  );
});

test('an order whose own status may have come later is reported again, without another Event', async () => {
  await withHarness(async (harness) => {
    const { doubles, env } = harness;
    doubles.reportsIssued = true;
    doubles.fulfillsWithPlacement = false;
    let attempts = 0;
    doubles.override('verifyPropagation', async ({ records }) => {
      attempts += 1;
      if (attempts > 1) return { seenBy: records.map(({ name }) => name) };
      throw ApplicationFailure.create({ type: 'dns/notVisible', message: 'not yet', nextRetryDelay: '2 minutes' });
    });
    const view = clusterView();
    await harness.start(view);
    await eventually(
      'the first attempt',
      async () => attempts,
      (seen) => seen > 0,
    );
    await env.sleep(3 * MINUTE_MS);
    await untilReady(harness, view);
    await harness.untilAsleep(view);
    expect(doubles.reports.map(({ state, event }) => [state, event?.reason])).toEqual([
      ['Issuing', undefined],
      ['Ready', 'Issued'],
      ['Ready', undefined],
    ]);
  });
});

describe('a decommission whose rules cannot be read', () => {
  const refuseRules = ({ doubles }: WorkflowHarness) =>
    doubles.override('decommissionRules', () => Promise.reject(activityFailure('internal/unexpected', 'no rules')));

  test('of a cluster is retried, and revokes everything once they can be', async () => {
    await withHarness(async (harness) => {
      const view = clusterView();
      const handle = await harness.start(view);
      await untilReady(harness, view);
      await harness.untilAsleep(view);
      await handle.executeUpdate(renew, { args: [{}] });
      refuseRules(harness);
      await harness.untilAsleep(view);
      // The renewal has ended the first run.
      await handleOf(harness, view).signal(clusterObserved, { ...view, deleting: true });
      const waiting = await eventually(
        'the reason is recorded',
        () => recordIn(harness, view),
        (record) => record?.message.startsWith('The decommission has not started yet. no rules') === true,
      );
      expect(waiting?.issued.map(({ serialNumber }) => serialNumber)).toEqual(['1000', '1001']);
      await expect
        .poll(() => harness.doubles.reports.map(({ event }) => event))
        .toContainEqual(expect.objectContaining({ reason: 'DecommissionBlocked', message: 'no rules' }));
      expect(harness.doubles.countOf('revokeCertificates')).toBe(0);
      harness.doubles.override('decommissionRules', undefined);
      await harness.advanceTime(2 * MINUTE_MS);
      const latest = harness.env.client.workflow.getHandle(clusterWorkflowId(view.identity));
      const result = (await latest.result()) as DecommissionResult;
      expect(result.bundles[0]?.revocations.map(({ serialNumber }) => serialNumber)).toEqual(['1000', '1001']);
    });
  });

  test('of a removed bundle is retried, and disturbs no other bundle', async () => {
    await withHarness(async (harness) => {
      const stays = bundleView('primary');
      const view = clusterView({ bundles: [stays, bundleView('goes', 'goes.example.com')] });
      const handle = await harness.start(view);
      for (const bundle of ['primary', 'goes']) await untilReady(harness, view, bundle);
      await harness.untilAsleep(view);
      refuseRules(harness);
      await handle.signal(clusterObserved, { ...view, bundles: [stays] });
      await eventually(
        'the reason is recorded',
        () => recordIn(harness, view, 'goes'),
        (record) => record?.message.includes('no rules') === true,
      );
      await harness.untilAsleep(view);
      await handle.executeUpdate(renew, { args: [{}] });
      harness.doubles.override('decommissionRules', undefined);
      await harness.advanceTime(2 * MINUTE_MS);
      await eventually(
        'it is gone',
        () => recordIn(harness, view, 'goes'),
        (record) => record === undefined,
      );
      expect(harness.doubles.countOf('revokeCertificates')).toBe(1);
    });
  });
});

test('a finalizer that cannot be written delays no renewal, is reported, and is written again soon', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    const writeError = failureInfo({ code: 'kubernetes/unreachable', message: 'The webhook does not answer.' });
    harness.doubles.override('applyCertificateRequest', async ({ cluster, bundleName }) => {
      const { namespace } = cluster;
      const secret = harness.doubles.secrets.get(`${bundleName}-cert`) ?? { kind: 'missing' };
      const request = { namespace, name: 'c1-primary', uid: 'request-uid' };
      return { request, secret, caHost: 'ca.test', writeError: secret.kind === 'valid' ? writeError : undefined };
    });
    await harness.start(view);
    await untilReady(harness, view);
    // Across runs.
    const [renewed] = await handleOf(harness, view).executeUpdate(renew, { args: [{}] });
    expect(renewed?.certificate.serialNumber).toBe('1001');
    const recorded = await leapUntil(harness, view, 'recorded', (record) => record.objectWriteError !== undefined);
    expect(recorded).toMatchObject({ state: 'Ready', objectWriteError: { failure: writeError } });
    await leapUntil(harness, view, 'repeated', ({ objectWriteError }) => (objectWriteError?.attempts ?? 0) > 2);
    await expect.poll(() => harness.doubles.reports.map(({ event }) => event?.reason)).toContain('ObjectWriteFailed');
    const objectWriteFailing = () =>
      harness.doubles.reports.at(-1)?.conditions.find(({ type }) => type === 'ObjectWriteFailing');
    expect(objectWriteFailing()).toMatchObject({ status: 'True', reason: 'KubernetesUnreachable' });
    expect(await harness.metrics()).toContain('certman_object_write_failures_total{code="kubernetes/unreachable"}');
    harness.doubles.override('applyCertificateRequest', undefined);
    await leapUntil(harness, view, 'written', (record) => record.objectWriteError === undefined);
    await eventually(
      'the condition ends',
      async () => objectWriteFailing(),
      (condition) => condition?.status === 'False',
    );
    expect(harness.doubles.issued).toHaveLength(2);
  });
});

describe('signals to a failing bundle', () => {
  /** Signals a change, and waits for the attempt, which ends with this activity. */
  async function attemptAgain(harness: WorkflowHarness, view: ClusterView, activity: keyof Activities): Promise<void> {
    const before = harness.doubles.countOf(activity);
    await handleOf(harness, view).signal(dependencyChanged, { what: 'the worker has restarted' });
    await eventually(
      'attempted',
      async () => harness.doubles.countOf(activity),
      (count) => count > before,
    );
  }

  test.each([
    ['the credentials', 'publishTxtRecords', 'dns/credentialsMissing'],
    ['the account', 'placeOrder', 'acme/accountMissing'],
    ['a right', 'applyCertificateRequest', 'kubernetes/forbidden'],
  ] as const)('that still lacks %s do not lengthen its schedule', async (_, activity, code) => {
    await withHarness(async (harness) => {
      const view = clusterView();
      // Else an evaluation that fails there is one call more.
      harness.doubles.evaluatesInFirstTask = false;
      harness.doubles.override(activity, () => Promise.reject(activityFailure(code, 'there is none')));
      await harness.start(view);
      const isFailing = (record: BundleRecord | undefined) => record?.state === 'Waiting';
      const first = await eventually('it waits', () => recordIn(harness, view), isFailing);
      for (let restart = 0; restart < 4; restart += 1) await attemptAgain(harness, view, activity);
      const last = await eventually('it waits again', () => recordIn(harness, view), isFailing);
      expect(harness.doubles.countOf(activity)).toBe(5);
      expect(last).toMatchObject({ lastAttempt: { attempts: 1 }, nextAttempt: first && nextAttemptOf(first) });
      await harness.advanceTime(MINUTE_MS);
      await eventually(
        'the scheduled attempt counts',
        () => recordIn(harness, view),
        (record) => record?.state === 'Waiting' && record.lastAttempt.attempts === 2,
      );
    });
  });

  test('that is refused by the CA lengthen it', async () => {
    await withHarness(async (harness) => {
      const view = clusterView();
      harness.doubles.failOrders('acme/rejectedIdentifier', 'the CA refuses the name');
      await harness.start(view);
      await eventually(
        'it waits',
        () => recordIn(harness, view),
        (record) => record?.state === 'Waiting',
      );
      await attemptAgain(harness, view, 'placeOrder');
      await eventually(
        'counted',
        () => recordIn(harness, view),
        (record) => record?.state === 'Waiting' && record.lastAttempt.attempts === 2,
      );
    });
  });

  test('of a blocked decommission do not lengthen its schedule', async () => {
    await withHarness(async (harness) => {
      const view = clusterView();
      const handle = await harness.start(view);
      await untilReady(harness, view);
      await harness.untilAsleep(view);
      harness.doubles.override('removeFinalizer', () =>
        Promise.reject(activityFailure('kubernetes/forbidden', 'no right')),
      );
      await handle.signal(clusterObserved, { ...view, deleting: true });
      const isBlocked = (record: BundleRecord | undefined) =>
        record?.state === 'Decommissioning' && record.blocked !== undefined;
      const first = await eventually('blocked', () => recordIn(harness, view), isBlocked);
      for (let restart = 0; restart < 3; restart += 1) await attemptAgain(harness, view, 'removeFinalizer');
      const { blocked } = first as Extract<BundleRecord, { readonly state: 'Decommissioning' }>;
      expect(await recordIn(harness, view)).toMatchObject({ blocked: { ...blocked, attempts: 1 } });
    });
  });
});
