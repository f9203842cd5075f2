/** A blocked decommission: its release, what wakes it, and its bounded history. */

import { WorkflowUpdateFailedError } from '@temporalio/client';
import { describe, expect, test } from 'vitest';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import type { RemoveBundleInput } from '../../src/contract/activities/kubernetes.ts';
import { type BundleRecord, failureOf } from '../../src/contract/bundle-record.ts';
import {
  clusterObserved,
  type DecommissionResult,
  dependencyChanged,
  release,
} from '../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../src/contract/ids.ts';
import type { FailureCode } from '../../src/failures/failure.ts';
import { startEnvironment } from '../support/temporal/temporal-server.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { type ActivityDoubles, activityFailure } from '../support/workflows/activity-doubles.ts';
import { bundleView, clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

/** History length at which the server suggests continue-as-new. */
const CONTINUE_AS_NEW_AFTER = 120;

const withHarness = useWorkflowHarness(() => startEnvironment({ continueAsNewAfter: CONTINUE_AS_NEW_AFTER }));

function refuse(doubles: ActivityDoubles, activity: 'removeBundle' | 'removeFinalizer', code: FailureCode): void {
  doubles.override(activity, () => Promise.reject(activityFailure(code, `${activity} is refused`)));
}

/** Rejects revocations of this Secret only. @returns what ends that. */
function refuseRevocationIn(doubles: ActivityDoubles, secretName: string): () => void {
  doubles.override('revokeCertificates', async (input) => {
    if (input.secretName === secretName)
      throw activityFailure('acme/accountUnknown', 'the CA does not know the account');
    return [{ serialNumber: '1', outcome: 'revoked', message: 'revoked' }];
  });
  return () => doubles.override('revokeCertificates', undefined);
}

async function deleted(harness: WorkflowHarness, view: ClusterView) {
  await harness.start(view);
  for (const { name } of view.bundles) await untilReady(harness, view, name);
  // Across runs.
  const handle = harness.env.client.workflow.getHandle(clusterWorkflowId(view.identity));
  await handle.signal(clusterObserved, { ...view, deleting: true });
  return handle;
}

async function untilAsked(
  harness: WorkflowHarness,
  activity: 'revokeCertificates' | 'removeFinalizer',
  times: number,
): Promise<void> {
  await eventually(
    `${activity} was asked ${times} times`,
    async () => harness.doubles.countOf(activity),
    (count) => count >= times,
  );
}

function runOf(harness: WorkflowHarness, view: ClusterView) {
  return harness.env.client.workflow.getHandle(clusterWorkflowId(view.identity)).describe();
}

/** One more failing attempt. */
async function wake(harness: WorkflowHarness, view: ClusterView): Promise<void> {
  const asked = harness.doubles.countOf('revokeCertificates');
  const handle = harness.env.client.workflow.getHandle(clusterWorkflowId(view.identity));
  await handle.signal(dependencyChanged, { what: 'something' });
  await untilAsked(harness, 'revokeCertificates', asked + 1);
}

/** Signals changes until the run has continued as new. */
async function untilContinued(harness: WorkflowHarness, view: ClusterView): Promise<void> {
  const before = await runOf(harness, view);
  for (let round = 1; (await runOf(harness, view)).runId === before.runId; round += 1) {
    if (round > CONTINUE_AS_NEW_AFTER) throw new Error(`still the same run after having been woken ${round} times`);
    await wake(harness, view);
  }
}

/** Signals changes until the run is this many events away from continue-as-new. */
async function untilNearlyContinued(harness: WorkflowHarness, view: ClusterView, eventsLeft: number): Promise<void> {
  while ((await runOf(harness, view)).historyLength < CONTINUE_AS_NEW_AFTER - eventsLeft) await wake(harness, view);
}

const failureCodeOf = (record: BundleRecord | undefined) => record && failureOf(record)?.code;
const isBlocked = (record: BundleRecord | undefined) => failureCodeOf(record) !== undefined;

describe('a release of a cluster', () => {
  test('returns what could not be done, after everything else was done', async () => {
    await withHarness(async (harness) => {
      const view = clusterView({ bundles: [bundleView('primary'), bundleView('stuck', 'stuck.example.com')] });
      refuseRevocationIn(harness.doubles, 'stuck-cert');
      const handle = await deleted(harness, view);
      await eventually(
        'one is blocked, the other is done',
        () => harness.status(view),
        ({ bundles }) =>
          isBlocked(bundles['stuck']) && bundles['primary'] !== undefined && 'result' in bundles['primary'],
      );
      const { failures, finalizer } = await handle.executeUpdate(release);
      expect(finalizer).toBe('released');
      expect(failures).toMatchObject([{ code: 'acme/accountUnknown', message: 'the CA does not know the account' }]);
      const result = (await handle.result()) as DecommissionResult;
      expect(result.finalizerRemoved).toBe(true);
      const [primary, stuck] = result.bundles;
      expect(primary).toMatchObject({ revocations: [{ outcome: 'revoked' }], removed: ['primary-cert'] });
      expect(primary?.failures).toEqual([]);
      expect(stuck).toMatchObject({
        revocations: [],
        removed: ['stuck-cert'],
        failures,
      });
      expect(harness.doubles.calls.at(-1)).toMatchObject({
        activity: 'removeFinalizer',
        args: [view.identity, failures],
      });
    });
  });

  test('returns no failure when the last attempt succeeded', async () => {
    await withHarness(async (harness) => {
      const view = clusterView();
      const correct = refuseRevocationIn(harness.doubles, 'primary-cert');
      const handle = await deleted(harness, view);
      await eventually(
        'it is blocked',
        () => harness.status(view),
        ({ bundles }) => isBlocked(bundles['primary']),
      );
      correct();
      expect(await handle.executeUpdate(release)).toEqual({
        of: 'cluster',
        bundleNames: ['primary'],
        failures: [],
        finalizer: 'released',
      });
      expect(await handle.result()).toMatchObject({ bundles: [{ revocations: [{ outcome: 'revoked' }] }] });
    });
  });

  test.each([
    ['its bundles', [bundleView()]],
    ['no bundles', []],
  ])('returns that the finalizer is blocked, and why: %s', async (_, bundles) => {
    await withHarness(async (harness) => {
      const view = clusterView({ bundles });
      refuse(harness.doubles, 'removeFinalizer', 'kubernetes/forbidden');
      const handle = await deleted(harness, view);
      await untilAsked(harness, 'removeFinalizer', 1);
      expect(await handle.executeUpdate(release)).toMatchObject({
        of: 'cluster',
        failures: [],
        finalizer: 'blocked',
        blockedBy: { code: 'kubernetes/forbidden', message: 'removeFinalizer is refused' },
      });
      expect(harness.doubles.countOf('removeFinalizer')).toBeGreaterThan(1);
      harness.doubles.override('removeFinalizer', undefined);
      expect(await handle.executeUpdate(release)).toMatchObject({ failures: [], finalizer: 'released' });
      expect(await handle.result()).toMatchObject({ finalizerRemoved: true });
    });
  });

  test('returns the attempt that was under way only if that one succeeds', async () => {
    await withHarness(async (harness) => {
      const view = clusterView({ bundles: [] });
      let goOn = (): void => undefined;
      const under = new Promise<void>((resolve) => {
        goOn = resolve;
      });
      harness.doubles.override('removeFinalizer', async () => {
        await under;
        throw activityFailure('kubernetes/forbidden', 'refused before the order');
      });
      const handle = await deleted(harness, view);
      await untilAsked(harness, 'removeFinalizer', 1);
      const ordered = await handle.startUpdate(release, { waitForStage: 'ACCEPTED' });
      harness.doubles.override('removeFinalizer', undefined);
      goOn();
      expect(await ordered.result()).toEqual({ of: 'cluster', bundleNames: [], failures: [], finalizer: 'released' });
      expect(harness.doubles.countOf('removeFinalizer')).toBe(2);
    });
  });

  test.each([
    ['a cluster that lives', clusterView()],
    ['a cluster that is paused', clusterView({ paused: true })],
  ])('is refused where nothing is being deleted: %s', async (_, view) => {
    await withHarness(async (harness) => {
      await harness.start(view);
      const handle = harness.env.client.workflow.getHandle(clusterWorkflowId(view.identity));
      const refusal = await handle.executeUpdate(release).catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(WorkflowUpdateFailedError);
      expect((refusal as WorkflowUpdateFailedError).cause).toMatchObject({
        type: 'release/rejected',
        message:
          'ns-c1/c1 is not being deleted, and none of its bundles is being decommissioned: there is nothing to release.',
      });
    });
  });

  test('is refused while a deleted cluster waits for the end of its move, with the reason', async () => {
    await withHarness(async (harness) => {
      const view = clusterView({ deleting: true, relocation: 'outgoing' });
      const handle = await harness.start(view);
      await expect(handle.executeUpdate(release)).rejects.toMatchObject({
        cause: {
          type: 'release/rejected',
          message: expect.stringContaining('It is being deleted while it moves') as string,
        },
      });
    });
  });

  test('does not loop when the finalizer is blocked and the run is long', async () => {
    await withHarness(async (harness) => {
      const view = clusterView();
      const correct = refuseRevocationIn(harness.doubles, 'primary-cert');
      refuse(harness.doubles, 'removeFinalizer', 'kubernetes/forbidden');
      const handle = await deleted(harness, view);
      await untilAsked(harness, 'revokeCertificates', 1);
      // The release makes the run exceed the limit.
      await untilNearlyContinued(harness, view, 15);
      const { failures } = await handle.executeUpdate(release);
      expect(failures).toHaveLength(1);
      correct();
      await untilAsked(harness, 'removeFinalizer', 1);
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      expect(harness.doubles.countOf('removeFinalizer')).toBeLessThan(4);
      harness.doubles.override('removeFinalizer', undefined);
      await handle.signal(dependencyChanged, { what: 'the right is there' });
      expect(await handle.result()).toMatchObject({ finalizerRemoved: true, bundles: [{ failures }] });
    });
  });
});

describe('a long decommission', () => {
  test('continues as new, where it stopped and by the same rules', async () => {
    await withHarness(async (harness) => {
      const view = clusterView({ bundles: [bundleView('primary'), bundleView('stuck', 'stuck.example.com')] });
      const correct = refuseRevocationIn(harness.doubles, 'stuck-cert');
      const handle = await deleted(harness, view);
      await untilAsked(harness, 'revokeCertificates', 2);
      const { decommissionStarted } = await harness.status(view);
      await untilContinued(harness, view);
      const status = await harness.status(view);
      expect(status.decommissioning).toBe(true);
      expect(status.decommissionStarted).toEqual(decommissionStarted);
      expect(status.bundles['primary']).toMatchObject({ result: { revocations: [{}] } });
      // And once more.
      await untilContinued(harness, view);
      expect(harness.doubles.countOf('decommissionRules')).toBe(1);
      correct();
      await handle.signal(dependencyChanged, { what: 'the account is there' });
      const result = (await handle.result()) as DecommissionResult;
      expect(result.bundles.map(({ bundleName, removed }) => [bundleName, removed])).toEqual([
        ['primary', ['primary-cert']],
        ['stuck', ['stuck-cert']],
      ]);
      expect(harness.doubles.calls.filter(({ activity }) => activity === 'removeBundle')).toHaveLength(2);
    });
  });

  test('releases the turn that an order waited for, in whichever run it removes the bundle', async () => {
    await withHarness(async (harness) => {
      const view = clusterView();
      const turn = new Date(Date.now() + 48 * 3_600_000);
      harness.doubles.override('placeOrder', () =>
        Promise.reject(activityFailure('rateLimit/newOrders', 'others first', turn)),
      );
      await harness.start(view);
      const handle = harness.env.client.workflow.getHandle(clusterWorkflowId(view.identity));
      await eventually(
        'the order waits',
        () => harness.status(view),
        ({ bundles }) => bundles['primary']?.state === 'Waiting',
      );
      const correct = refuseRevocationIn(harness.doubles, 'primary-cert');
      await handle.signal(clusterObserved, { ...view, deleting: true });
      await untilAsked(harness, 'revokeCertificates', 1);
      await untilContinued(harness, view);
      correct();
      await handle.signal(dependencyChanged, { what: 'the account is there' });
      await handle.result();
      const removals = harness.doubles.calls.filter(({ activity }) => activity === 'removeBundle');
      expect(removals.map(({ input }) => (input as RemoveBundleInput).waitsForTurn)).toEqual([true]);
    });
  });

  test('loses no release that arrives during continue-as-new', async () => {
    await withHarness(async (harness) => {
      const view = clusterView();
      refuseRevocationIn(harness.doubles, 'primary-cert');
      const handle = await deleted(harness, view);
      await untilAsked(harness, 'revokeCertificates', 1);
      await untilContinued(harness, view);
      await untilNearlyContinued(harness, view, 8);
      const [{ failures }] = await Promise.all([
        handle.executeUpdate(release),
        handle.signal(dependencyChanged, { what: 'the last straw' }),
      ]);
      expect(failures).toMatchObject([{ code: 'acme/accountUnknown' }]);
      expect(await handle.result()).toMatchObject({ finalizerRemoved: true, bundles: [{ failures }] });
    });
  });
});

test('a blocked finalizer is reported with its reason, and retried at a change', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    refuse(harness.doubles, 'removeFinalizer', 'kubernetes/forbidden');
    const handle = await deleted(harness, view);
    const { bundles } = await eventually(
      'it is reported',
      () => harness.status(view),
      (status) => failureCodeOf(status.bundles['primary']) === 'kubernetes/forbidden',
    );
    expect(bundles['primary']).toMatchObject({
      state: 'Decommissioning',
      message: expect.stringMatching(
        /^The finalizer is not removed yet\. removeFinalizer is refused.*the next one is at/,
      ) as string,
    });
    await eventually(
      'an Event says so',
      async () => harness.doubles.reports.at(-1)?.event,
      (event) => event?.reason === 'DecommissionBlocked' && event.message === 'removeFinalizer is refused',
    );
    harness.doubles.override('removeFinalizer', undefined);
    await handle.signal(dependencyChanged, { what: 'the right is there' });
    expect(await handle.result()).toMatchObject({ finalizerRemoved: true });
    expect(harness.doubles.countOf('revokeCertificates')).toBe(1);
  });
});
