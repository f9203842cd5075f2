/** A blocked decommission: its release, what wakes it, and its bounded history. */

import { WorkflowUpdateFailedError } from '@temporalio/client';
import { describe, expect, test } from 'vitest';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
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

/** A run is advised to continue as new once it has as many events as this. */
const CONTINUE_AS_NEW_AFTER = 120;

const withLab = useWorkflowHarness(() => startEnvironment({ continueAsNewAfter: CONTINUE_AS_NEW_AFTER }));

function refuse(doubles: ActivityDoubles, activity: 'removeBundle' | 'removeFinalizer', code: FailureCode): void {
  doubles.override(activity, () => Promise.reject(activityFailure(code, `${activity} is refused`)));
}

/** What is in this Secret cannot be revoked; what is in others can. @returns what puts that right. */
function refuseRevocationIn(doubles: ActivityDoubles, secretName: string): () => void {
  doubles.override('revokeCertificates', async (input) => {
    if (input.secretName === secretName)
      throw activityFailure('acme/accountUnknown', 'the CA does not know the account');
    return [{ serialNumber: '1', outcome: 'revoked', message: 'revoked' }];
  });
  return () => doubles.override('revokeCertificates', undefined);
}

async function deleted(lab: WorkflowHarness, view: ClusterView) {
  await lab.start(view);
  for (const { name } of view.bundles) await untilReady(lab, view, name);
  // Through all its runs.
  const handle = lab.env.client.workflow.getHandle(clusterWorkflowId(view.identity));
  await handle.signal(clusterObserved, { ...view, deleting: true });
  return handle;
}

async function untilAsked(
  lab: WorkflowHarness,
  activity: 'revokeCertificates' | 'removeFinalizer',
  times: number,
): Promise<void> {
  await eventually(
    `${activity} was asked ${times} times`,
    async () => lab.doubles.countOf(activity),
    (count) => count >= times,
  );
}

function runOf(lab: WorkflowHarness, view: ClusterView) {
  return lab.env.client.workflow.getHandle(clusterWorkflowId(view.identity)).describe();
}

/** One more try, that fails. */
async function wake(lab: WorkflowHarness, view: ClusterView): Promise<void> {
  const asked = lab.doubles.countOf('revokeCertificates');
  const handle = lab.env.client.workflow.getHandle(clusterWorkflowId(view.identity));
  await handle.signal(dependencyChanged, { what: 'something' });
  await untilAsked(lab, 'revokeCertificates', asked + 1);
}

/** Wakes it until its run has been continued as new. */
async function untilContinued(lab: WorkflowHarness, view: ClusterView): Promise<void> {
  const before = await runOf(lab, view);
  for (let round = 1; (await runOf(lab, view)).runId === before.runId; round += 1) {
    if (round > CONTINUE_AS_NEW_AFTER) throw new Error(`still the same run after having been woken ${round} times`);
    await wake(lab, view);
  }
}

/** Wakes it until its run is this many events away from being continued as new. */
async function untilNearlyContinued(lab: WorkflowHarness, view: ClusterView, eventsLeft: number): Promise<void> {
  while ((await runOf(lab, view)).historyLength < CONTINUE_AS_NEW_AFTER - eventsLeft) await wake(lab, view);
}

const failureCodeOf = (record: BundleRecord | undefined) => record && failureOf(record)?.code;
const isBlocked = (record: BundleRecord | undefined) => failureCodeOf(record) !== undefined;

describe('a release of a cluster', () => {
  test('returns what could not be done, after everything else was done', async () => {
    await withLab(async (lab) => {
      const view = clusterView({ bundles: [bundleView('primary'), bundleView('stuck', 'stuck.example.com')] });
      refuseRevocationIn(lab.doubles, 'stuck-cert');
      const handle = await deleted(lab, view);
      await eventually(
        'one is blocked, the other is done',
        () => lab.status(view),
        ({ bundles }) =>
          isBlocked(bundles['stuck']) && bundles['primary'] !== undefined && 'result' in bundles['primary'],
      );
      const { failures, finalizer } = await handle.executeUpdate(release);
      expect(finalizer).toBe('released');
      expect(failures).toMatchObject([{ code: 'acme/accountUnknown', message: 'the CA does not know the account' }]);
      const ledger = (await handle.result()) as DecommissionResult;
      expect(ledger.finalizerRemoved).toBe(true);
      const [primary, stuck] = ledger.bundles;
      expect(primary).toMatchObject({ revocations: [{ outcome: 'revoked' }], removed: ['primary-cert'] });
      expect(primary?.failures).toEqual([]);
      expect(stuck).toMatchObject({
        revocations: [],
        removed: ['stuck-cert'],
        failures,
      });
      expect(lab.doubles.calls.at(-1)).toMatchObject({ activity: 'removeFinalizer', args: [view.identity, failures] });
    });
  });

  test('returns no failure when the last attempt succeeded', async () => {
    await withLab(async (lab) => {
      const view = clusterView();
      const correct = refuseRevocationIn(lab.doubles, 'primary-cert');
      const handle = await deleted(lab, view);
      await eventually(
        'it is blocked',
        () => lab.status(view),
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
    await withLab(async (lab) => {
      const view = clusterView({ bundles });
      refuse(lab.doubles, 'removeFinalizer', 'kubernetes/forbidden');
      const handle = await deleted(lab, view);
      await untilAsked(lab, 'removeFinalizer', 1);
      expect(await handle.executeUpdate(release)).toMatchObject({
        of: 'cluster',
        failures: [],
        finalizer: 'blocked',
        blockedBy: { code: 'kubernetes/forbidden', message: 'removeFinalizer is refused' },
      });
      expect(lab.doubles.countOf('removeFinalizer')).toBeGreaterThan(1);
      lab.doubles.override('removeFinalizer', undefined);
      expect(await handle.executeUpdate(release)).toMatchObject({ failures: [], finalizer: 'released' });
      expect(await handle.result()).toMatchObject({ finalizerRemoved: true });
    });
  });

  test('is answered about the try that was under way only where that one succeeds', async () => {
    await withLab(async (lab) => {
      const view = clusterView({ bundles: [] });
      let goOn = (): void => undefined;
      const under = new Promise<void>((resolve) => {
        goOn = resolve;
      });
      lab.doubles.override('removeFinalizer', async () => {
        await under;
        throw activityFailure('kubernetes/forbidden', 'refused before the order');
      });
      const handle = await deleted(lab, view);
      await untilAsked(lab, 'removeFinalizer', 1);
      const ordered = await handle.startUpdate(release, { waitForStage: 'ACCEPTED' });
      lab.doubles.override('removeFinalizer', undefined);
      goOn();
      expect(await ordered.result()).toEqual({ of: 'cluster', bundleNames: [], failures: [], finalizer: 'released' });
      expect(lab.doubles.countOf('removeFinalizer')).toBe(2);
    });
  });

  test.each([
    ['a cluster that lives', clusterView()],
    ['a cluster that is paused', clusterView({ paused: true })],
  ])('is refused where nothing is being deleted: %s', async (_, view) => {
    await withLab(async (lab) => {
      await lab.start(view);
      const handle = lab.env.client.workflow.getHandle(clusterWorkflowId(view.identity));
      const refusal = await handle.executeUpdate(release).catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(WorkflowUpdateFailedError);
      expect((refusal as WorkflowUpdateFailedError).cause).toMatchObject({
        type: 'release/rejected',
        message:
          'ns-c1/c1 is not being deleted, and none of its bundles is being decommissioned: there is nothing to release.',
      });
    });
  });

  test('does not set off a loop where the finalizer itself cannot be released and the run is long', async () => {
    await withLab(async (lab) => {
      const view = clusterView();
      const correct = refuseRevocationIn(lab.doubles, 'primary-cert');
      refuse(lab.doubles, 'removeFinalizer', 'kubernetes/forbidden');
      const handle = await deleted(lab, view);
      await untilAsked(lab, 'revokeCertificates', 1);
      // The release brings the run above its bound.
      await untilNearlyContinued(lab, view, 15);
      const { failures } = await handle.executeUpdate(release);
      expect(failures).toHaveLength(1);
      correct();
      await untilAsked(lab, 'removeFinalizer', 1);
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      expect(lab.doubles.countOf('removeFinalizer')).toBeLessThan(4);
      lab.doubles.override('removeFinalizer', undefined);
      await handle.signal(dependencyChanged, { what: 'the right is there' });
      expect(await handle.result()).toMatchObject({ finalizerRemoved: true, bundles: [{ failures }] });
    });
  });
});

describe('an end that goes on for long', () => {
  test('is suspended and continued in a fresh run, where it left off and by the same rules', async () => {
    await withLab(async (lab) => {
      const view = clusterView({ bundles: [bundleView('primary'), bundleView('stuck', 'stuck.example.com')] });
      const correct = refuseRevocationIn(lab.doubles, 'stuck-cert');
      const handle = await deleted(lab, view);
      await untilAsked(lab, 'revokeCertificates', 2);
      const { decommissionStarted } = await lab.status(view);
      await untilContinued(lab, view);
      const status = await lab.status(view);
      expect(status.decommissioning).toBe(true);
      expect(status.decommissionStarted).toEqual(decommissionStarted);
      expect(status.bundles['primary']).toMatchObject({ result: { revocations: [{}] } });
      // Advised once more, it does so once more.
      await untilContinued(lab, view);
      expect(lab.doubles.countOf('decommissionRules')).toBe(1);
      correct();
      await handle.signal(dependencyChanged, { what: 'the account is there' });
      const ledger = (await handle.result()) as DecommissionResult;
      expect(ledger.bundles.map(({ bundleName, removed }) => [bundleName, removed])).toEqual([
        ['primary', ['primary-cert']],
        ['stuck', ['stuck-cert']],
      ]);
      expect(lab.doubles.calls.filter(({ activity }) => activity === 'removeBundle')).toHaveLength(2);
    });
  });

  test('loses no release that arrives while it is being continued', async () => {
    await withLab(async (lab) => {
      const view = clusterView();
      refuseRevocationIn(lab.doubles, 'primary-cert');
      const handle = await deleted(lab, view);
      await untilAsked(lab, 'revokeCertificates', 1);
      await untilContinued(lab, view);
      await untilNearlyContinued(lab, view, 8);
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
  await withLab(async (lab) => {
    const view = clusterView();
    refuse(lab.doubles, 'removeFinalizer', 'kubernetes/forbidden');
    const handle = await deleted(lab, view);
    const { bundles } = await eventually(
      'it is reported',
      () => lab.status(view),
      (status) => failureCodeOf(status.bundles['primary']) === 'kubernetes/forbidden',
    );
    expect(bundles['primary']).toMatchObject({
      state: 'Decommissioning',
      message: expect.stringMatching(
        /^The finalizer is not released yet\. removeFinalizer is refused.*the next one is at/,
      ) as string,
    });
    await eventually(
      'an Event says so',
      async () => lab.doubles.reports.at(-1)?.event,
      (event) => event?.reason === 'DecommissionBlocked' && event.message === 'removeFinalizer is refused',
    );
    lab.doubles.override('removeFinalizer', undefined);
    await handle.signal(dependencyChanged, { what: 'the right is there' });
    expect(await handle.result()).toMatchObject({ finalizerRemoved: true });
    expect(lab.doubles.countOf('revokeCertificates')).toBe(1);
  });
});
