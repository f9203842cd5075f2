import { describe, expect, test } from 'vitest';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import { clusterObserved, dependencyChanged } from '../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../src/contract/ids.ts';
import { CertState } from '../../src/contract/search-attributes.ts';
import { type History, historyBytes } from '../support/temporal/history-json.ts';
import { untilCancelled } from '../support/temporal/until-cancelled.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { activityFailure } from '../support/workflows/activity-doubles.ts';
import { bundleView, clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const withHarness = useWorkflowHarness();
const DAY_MS = 86_400_000;

/** The history of a cluster with two certificates that another program left, when it sleeps. */
const MAX_EVENTS_OF_ADOPTION = 9;
/** The same, where the worker had no time in the first task: an activity instead, and the marker. */
const MAX_EVENTS_WITH_ACTIVITY = 15;
/** Payloads and all else of it. Measured: 4.6 kB, and 5.7 with the activity. */
const MAX_BYTES_OF_ADOPTION = 6_500;

/** A cluster of two bundles, each with a good certificate in its Secret. */
function adoptable(harness: WorkflowHarness): ClusterView {
  const names = { api: ['api.c1.example.com'], apps: ['*.apps.c1.example.com'] };
  for (const [bundle, dnsNames] of Object.entries(names)) {
    harness.doubles.secrets.set(`${bundle}-cert`, {
      kind: 'valid',
      certificate: {
        serialNumber: bundle.length.toString(),
        issuerName: 'Another CA',
        notBefore: new Date(Date.now() - 10 * DAY_MS).toISOString(),
        notAfter: new Date(Date.now() + 80 * DAY_MS).toISOString(),
        dnsNames,
        fingerprint: 'f'.repeat(64),
      },
    });
  }
  return clusterView({ bundles: [bundleView('api', ...names.api), bundleView('apps', ...names.apps)] });
}

async function untilAdopted(harness: WorkflowHarness, view: ClusterView): Promise<History> {
  await harness.start(view);
  // First: a query while a local activity runs is one workflow task more.
  await harness.untilAsleep(view);
  for (const { name } of view.bundles) await untilReady(harness, view, name);
  return await harness.env.client.workflow.getHandle(clusterWorkflowId(view.identity)).fetchHistory();
}

/** The evaluation of one bundle fails, that of the others does not. */
function failAmongOthers(harness: WorkflowHarness, failing: string): void {
  harness.doubles.override('applyCertificateRequest', async ({ bundleName }) => {
    if (bundleName === failing) throw activityFailure('kubernetes/ownedByOther', 'it is of another');
    return {
      request: { namespace: 'ns-c1', name: `c1-${bundleName}`, uid: 'request-uid' },
      secret: harness.doubles.secrets.get(`${bundleName}-cert`) ?? { kind: 'missing' },
    };
  });
}

async function expectFailed(harness: WorkflowHarness, view: ClusterView, bundle: string): Promise<void> {
  await eventually(
    'it says why it waits',
    () => harness.status(view),
    ({ bundles }) => bundles[bundle]?.state === 'Waiting',
  );
  expect((await harness.status(view)).bundles[bundle]).toMatchObject({
    lastAttempt: { failure: { code: 'kubernetes/ownedByOther' }, attempts: 1 },
  });
}

function countOf({ events }: History, attributes: string): number {
  return (events ?? []).filter((event) => (event as Readonly<Record<string, unknown>>)[attributes]).length;
}

describe('bundles that are evaluated in one workflow task', () => {
  test.each([
    ['in the first workflow task', true, { tasks: 1, activities: 0, maxEvents: MAX_EVENTS_OF_ADOPTION }],
    ['by an activity', false, { tasks: 2, activities: 1, maxEvents: MAX_EVENTS_WITH_ACTIVITY }],
  ])('share one evaluation %s, which also reports that nothing is due', async (_where, inFirstTask, expected) => {
    await withHarness(async (harness) => {
      harness.doubles.evaluatesInFirstTask = inFirstTask;
      harness.doubles.reportsSettled = true;
      const history = await untilAdopted(harness, adoptable(harness));
      expect(countOf(history, 'activityTaskScheduledEventAttributes')).toBe(expected.activities);
      expect(countOf(history, 'workflowTaskCompletedEventAttributes')).toBe(expected.tasks);
      expect(countOf(history, 'upsertWorkflowSearchAttributesEventAttributes')).toBe(1);
      expect(history.events?.length).toBeLessThanOrEqual(expected.maxEvents);
      expect(historyBytes(history)).toBeLessThanOrEqual(MAX_BYTES_OF_ADOPTION);
      expect(harness.doubles.countOf('applyCertificateRequests')).toBe(1);
      expect(harness.doubles.countOf('reportStatus')).toBe(0);
      expect(harness.doubles.reports.map(({ bundleName, state }) => [bundleName, state])).toEqual([
        ['api', 'Ready'],
        ['apps', 'Ready'],
      ]);
    });
  });

  test('are reported by the workflow where the activity reported something else, or nothing', async () => {
    await withHarness(async (harness) => {
      const view = adoptable(harness);
      harness.doubles.override('applyCertificateRequest', async ({ bundleName }) => ({
        request: { namespace: 'ns-c1', name: `c1-${bundleName}`, uid: 'request-uid' },
        secret: harness.doubles.secrets.get(`${bundleName}-cert`) ?? { kind: 'missing' },
        ...(bundleName === 'api' && { reported: 'of another state' }),
      }));
      await untilAdopted(harness, view);
      expect(harness.doubles.reports.map(({ bundleName }) => bundleName).sort()).toEqual(['api', 'apps']);
    });
  });

  test('do not wait for one that fails among them', async () => {
    await withHarness(async (harness) => {
      harness.doubles.reportsSettled = true;
      const view = adoptable(harness);
      failAmongOthers(harness, 'apps');
      await harness.start(view);
      await untilReady(harness, view, 'api');
      await expectFailed(harness, view, 'apps');
    });
  });

  test('have any name, that of a member of every object too', async () => {
    await withHarness(async (harness) => {
      const view = clusterView({
        bundles: [bundleView('constructor', 'api.c1.example.com'), bundleView('apps', '*.apps.c1.example.com')],
      });
      failAmongOthers(harness, 'constructor');
      await harness.start(view);
      await expectFailed(harness, view, 'constructor');
    });
  });

  test('are evaluated together after a signal too, and reported only when something changed', async () => {
    await withHarness(async (harness) => {
      harness.doubles.reportsSettled = true;
      const view = adoptable(harness);
      await untilAdopted(harness, view);
      const handle = harness.env.client.workflow.getHandle(clusterWorkflowId(view.identity));
      await handle.signal(dependencyChanged, { what: 'The account was changed.' });
      await eventually(
        'evaluated again',
        async () => harness.doubles.countOf('applyCertificateRequests'),
        (count) => count === 2,
      );
      await harness.untilAsleep(view);
      expect(harness.doubles.countOf('reportStatus')).toBe(0);
    });
  });

  test('are evaluated again after a signal that arrives meanwhile', async () => {
    await withHarness(async (harness) => {
      const view = adoptable(harness);
      harness.doubles.evaluatesInFirstTask = false;
      let release: () => void = () => undefined;
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      // Left out: each is evaluated alone.
      harness.doubles.override('applyCertificateRequests', async () => {
        await released;
        return {};
      });
      const handle = await harness.start(view);
      const calls = (activity: 'applyCertificateRequests' | 'applyCertificateRequest') => async () =>
        harness.doubles.countOf(activity);
      await eventually('evaluated', calls('applyCertificateRequests'), (count) => count === 1);
      await handle.signal(dependencyChanged, { what: 'The account was changed.' });
      release();
      const evaluations = 2 * view.bundles.length;
      await eventually('evaluated again', calls('applyCertificateRequest'), (count) => count === evaluations);
      await harness.untilAsleep(view);
      expect(harness.doubles.countOf('applyCertificateRequest')).toBe(evaluations);
    });
  });

  test.each([
    ['is cancelled', untilCancelled],
    ['still returns what it has', () => untilCancelled().catch(() => ({}))],
  ])('are decommissioned when their cluster is deleted and the activity %s', async (_how, evaluate) => {
    await withHarness(async (harness) => {
      const view = adoptable(harness);
      harness.doubles.evaluatesInFirstTask = false;
      harness.doubles.override('applyCertificateRequests', evaluate);
      const handle = await harness.start(view);
      await eventually(
        'evaluated',
        async () => harness.doubles.countOf('applyCertificateRequests'),
        (count) => count === 1,
      );
      await handle.signal(clusterObserved, { ...view, deleting: true });
      expect(await handle.result()).toMatchObject({ finalizerRemoved: true });
      expect(harness.doubles.countOf('applyCertificateRequest')).toBe(0);
      expect((await handle.describe()).typedSearchAttributes.get(CertState)).toBe('Decommissioning');
    });
  });
});
