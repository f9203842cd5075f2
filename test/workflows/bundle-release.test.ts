/** Releases of removed bundles whose decommission is blocked, in a cluster that is not being deleted. */

import type { WorkflowHandle } from '@temporalio/client';
import { describe, expect, test } from 'vitest';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import { failureOf } from '../../src/contract/bundle-record.ts';
import { type ClusterStatus, clusterObserved, release } from '../../src/contract/cluster-certificates.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { activityFailure } from '../support/workflows/activity-doubles.ts';
import { bundleView, clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const withLab = useWorkflowHarness();

const STAYS = bundleView('primary');

/** The CA does not know the account: no certificate can be revoked, and nothing is given up by itself. */
function withoutRevocation(lab: WorkflowHarness): void {
  lab.doubles.override('decommissionRules', () => Promise.resolve({ policy: 'wait', limitMs: 86_400_000 }));
  lab.doubles.override('revokeCertificates', ({ secretName }) =>
    Promise.reject(activityFailure('acme/accountUnknown', `what is in ${secretName} cannot be revoked`)),
  );
}

/** All are issued; then all but `primary` are removed, and their decommission is blocked. */
async function withBlockedBundles(lab: WorkflowHarness, ...names: readonly string[]) {
  withoutRevocation(lab);
  const view = clusterView({ bundles: [STAYS, ...names.map((name) => bundleView(name, `${name}.example.com`))] });
  const handle = await lab.start(view);
  for (const { name } of view.bundles) await untilReady(lab, view, name);
  const without = { ...view, bundles: [STAYS] };
  await handle.signal(clusterObserved, without);
  for (const name of names) await blocked(lab, view, name);
  return { view, without, handle };
}

/** Releases, and waits for the attempt that follows. @returns what fails that attempt. */
async function orderedAndUnderWay(lab: WorkflowHarness, handle: Pick<WorkflowHandle, 'executeUpdate'>) {
  const asked = lab.doubles.countOf('revokeCertificates');
  let refuse = (): void => undefined;
  const refused = new Promise<void>((resolve) => {
    refuse = resolve;
  });
  lab.doubles.override('revokeCertificates', async () => {
    await refused;
    throw activityFailure('acme/accountUnknown', 'refused late');
  });
  const answer = handle.executeUpdate(release);
  // Rejections are handled by the test.
  answer.catch(() => undefined);
  await eventually(
    'it is retried',
    async () => lab.doubles.countOf('revokeCertificates'),
    (count) => count > asked,
  );
  return { answer, refuse };
}

async function blocked(lab: WorkflowHarness, view: ClusterView, name: string): Promise<ClusterStatus> {
  return await eventually(
    `${name} is blocked`,
    () => lab.status(view),
    ({ bundles }) => bundles[name]?.state === 'Decommissioning' && failureOf(bundles[name]) !== undefined,
  );
}

describe('a release of bundles', () => {
  test('gets what could not be done for each; the cluster is not touched', async () => {
    await withLab(async (lab) => {
      const { view, handle } = await withBlockedBundles(lab, 'one', 'two');
      expect((await lab.status(view)).bundles['one']?.message).toMatch(
        /to let the bundle go without it: certman release\.$/,
      );
      const { of, bundleNames, failures } = await handle.executeUpdate(release);
      expect([of, bundleNames]).toEqual(['bundles', ['one', 'two']]);
      expect(failures.map(({ message }) => message)).toEqual([
        'what is in one-cert cannot be revoked',
        'what is in two-cert cannot be revoked',
      ]);
      expect([...lab.doubles.secrets.keys()]).toEqual(['primary-cert']);
      expect(lab.doubles.countOf('removeFinalizer')).toBe(0);
      const { bundles } = await eventually(
        'the others are gone',
        () => lab.status(view),
        (status) => Object.keys(status.bundles).length === 1,
      );
      expect(bundles['primary']?.state).toBe('Ready');
      const given = lab.doubles.reports.filter(({ event }) => event?.reason === 'DecommissionIncomplete');
      expect(given.map(({ bundleName }) => bundleName).sort()).toEqual(['one', 'two']);
    });
  });

  test('releases only those: a later decommission of the cluster is blocked again', async () => {
    await withLab(async (lab) => {
      const { view, without, handle } = await withBlockedBundles(lab, 'one');
      await handle.executeUpdate(release);
      await handle.signal(clusterObserved, { ...without, deleting: true });
      await blocked(lab, view, 'primary');
      expect(lab.doubles.secrets.has('primary-cert')).toBe(true);
      expect(await handle.executeUpdate(release)).toMatchObject({ of: 'cluster', failures: [{}] });
      expect(await handle.result()).toMatchObject({ finalizerRemoved: true, bundles: [{ bundleName: 'primary' }] });
    });
  });

  test('gets an answer when the bundle is restored meanwhile, and does not release its next decommission', async () => {
    await withLab(async (lab) => {
      const { view, without, handle } = await withBlockedBundles(lab, 'one');
      const { answer, refuse } = await orderedAndUnderWay(lab, handle);
      await handle.signal(clusterObserved, view);
      refuse();
      expect(await answer).toEqual({ of: 'bundles', bundleNames: ['one'], failures: [] });
      await untilReady(lab, view, 'one');
      expect(lab.doubles.countOf('removeBundle')).toBe(0);
      await handle.signal(clusterObserved, without);
      await blocked(lab, view, 'one');
      expect(lab.doubles.countOf('removeBundle')).toBe(0);
    });
  });

  test.each([
    ['one bundle', ['one']],
    ['two bundles', ['one', 'two']],
  ])('is rejected when the cluster is paused meanwhile, and is not kept for later: %s', async (_, names) => {
    await withLab(async (lab) => {
      const { without, handle } = await withBlockedBundles(lab, ...names);
      const { answer, refuse } = await orderedAndUnderWay(lab, handle);
      await handle.signal(clusterObserved, { ...without, paused: true });
      await expect(answer).rejects.toMatchObject({
        cause: {
          type: 'release/rejected',
          message: expect.stringMatching(
            /^The decommission of bundle one waits\. ns-c1\/c1 is not served now: Paused by the annotation/,
          ) as string,
        },
      });
      refuse();
      await eventually(
        'they wait',
        () => lab.status(without),
        ({ bundles }) => names.every((name) => bundles[name]?.message.startsWith('Paused by') === true),
      );
      const asked = lab.doubles.countOf('revokeCertificates');
      await handle.signal(clusterObserved, without);
      await eventually(
        'they are retried, and blocked as before',
        () => lab.status(without),
        ({ bundles }) =>
          lab.doubles.countOf('revokeCertificates') === asked + names.length &&
          names.every((name) => bundles[name]?.message.includes('refused late') === true),
      );
      expect(lab.doubles.countOf('removeBundle')).toBe(0);
    });
  });

  test('is rejected while the cluster is paused', async () => {
    await withLab(async (lab) => {
      const { without, handle } = await withBlockedBundles(lab, 'one');
      await handle.signal(clusterObserved, { ...without, paused: true });
      await expect(handle.executeUpdate(release)).rejects.toMatchObject({
        cause: {
          type: 'release/rejected',
          message: expect.stringContaining('ns-c1/c1 is not served now: Paused by the annotation') as string,
        },
      });
    });
  });
});
