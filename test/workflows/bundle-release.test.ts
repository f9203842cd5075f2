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

const withHarness = useWorkflowHarness();

const STAYS = bundleView('primary');

/** The CA does not know the account: no revocation succeeds, and nothing is given up without a release. */
function withoutRevocation(harness: WorkflowHarness): void {
  harness.doubles.override('decommissionRules', () => Promise.resolve({ policy: 'wait', limitMs: 86_400_000 }));
  harness.doubles.override('revokeCertificates', ({ secretName }) =>
    Promise.reject(activityFailure('acme/accountUnknown', `what is in ${secretName} cannot be revoked`)),
  );
}

/** All are issued; then all but `primary` are removed, and their decommission is blocked. */
async function withBlockedBundles(harness: WorkflowHarness, ...names: readonly string[]) {
  withoutRevocation(harness);
  const view = clusterView({ bundles: [STAYS, ...names.map((name) => bundleView(name, `${name}.example.com`))] });
  const handle = await harness.start(view);
  for (const { name } of view.bundles) await untilReady(harness, view, name);
  const without = { ...view, bundles: [STAYS] };
  await handle.signal(clusterObserved, without);
  for (const name of names) await blocked(harness, view, name);
  return { view, without, handle };
}

/** Releases, and waits for the attempt that follows. @returns what fails that attempt. */
async function orderedAndUnderWay(harness: WorkflowHarness, handle: Pick<WorkflowHandle, 'executeUpdate'>) {
  const asked = harness.doubles.countOf('revokeCertificates');
  let refuse = (): void => undefined;
  const refused = new Promise<void>((resolve) => {
    refuse = resolve;
  });
  harness.doubles.override('revokeCertificates', async () => {
    await refused;
    throw activityFailure('acme/accountUnknown', 'refused late');
  });
  const answer = handle.executeUpdate(release);
  // Rejections are handled by the test.
  answer.catch(() => undefined);
  await eventually(
    'it is retried',
    async () => harness.doubles.countOf('revokeCertificates'),
    (count) => count > asked,
  );
  return { answer, refuse };
}

async function blocked(harness: WorkflowHarness, view: ClusterView, name: string): Promise<ClusterStatus> {
  return await eventually(
    `${name} is blocked`,
    () => harness.status(view),
    ({ bundles }) => bundles[name]?.state === 'Decommissioning' && failureOf(bundles[name]) !== undefined,
  );
}

describe('a release of bundles', () => {
  test('gets what could not be done for each; the cluster is not touched', async () => {
    await withHarness(async (harness) => {
      const { view, handle } = await withBlockedBundles(harness, 'one', 'two');
      expect((await harness.status(view)).bundles['one']?.message).toMatch(
        /to release the bundle without it: certman release\.$/,
      );
      const { of, bundleNames, failures } = await handle.executeUpdate(release);
      expect([of, bundleNames]).toEqual(['bundles', ['one', 'two']]);
      expect(failures.map(({ message }) => message)).toEqual([
        'what is in one-cert cannot be revoked',
        'what is in two-cert cannot be revoked',
      ]);
      expect([...harness.doubles.secrets.keys()]).toEqual(['primary-cert']);
      expect(harness.doubles.countOf('removeFinalizer')).toBe(0);
      const { bundles } = await eventually(
        'the others are gone',
        () => harness.status(view),
        (status) => Object.keys(status.bundles).length === 1,
      );
      expect(bundles['primary']?.state).toBe('Ready');
      const given = () =>
        harness.doubles.reports
          .filter(({ event }) => event?.reason === 'DecommissionIncomplete')
          .map(({ bundleName }) => bundleName);
      await expect.poll(() => given().sort()).toEqual(['one', 'two']);
    });
  });

  test('releases only those: a later decommission of the cluster is blocked again', async () => {
    await withHarness(async (harness) => {
      const { view, without, handle } = await withBlockedBundles(harness, 'one');
      await handle.executeUpdate(release);
      await handle.signal(clusterObserved, { ...without, deleting: true });
      await blocked(harness, view, 'primary');
      expect(harness.doubles.secrets.has('primary-cert')).toBe(true);
      expect(await handle.executeUpdate(release)).toMatchObject({ of: 'cluster', failures: [{}] });
      expect(await handle.result()).toMatchObject({ finalizerRemoved: true, bundles: [{ bundleName: 'primary' }] });
    });
  });

  test('gets an answer when the bundle is restored meanwhile, and does not release its next decommission', async () => {
    await withHarness(async (harness) => {
      const { view, without, handle } = await withBlockedBundles(harness, 'one');
      const { answer, refuse } = await orderedAndUnderWay(harness, handle);
      await handle.signal(clusterObserved, view);
      refuse();
      expect(await answer).toEqual({ of: 'bundles', bundleNames: ['one'], failures: [] });
      await untilReady(harness, view, 'one');
      expect(harness.doubles.countOf('removeBundle')).toBe(0);
      await handle.signal(clusterObserved, without);
      await blocked(harness, view, 'one');
      expect(harness.doubles.countOf('removeBundle')).toBe(0);
    });
  });

  test.each([
    ['one bundle', ['one']],
    ['two bundles', ['one', 'two']],
  ])('is rejected when the cluster is paused meanwhile, and is not kept for later: %s', async (_, names) => {
    await withHarness(async (harness) => {
      const { without, handle } = await withBlockedBundles(harness, ...names);
      const { answer, refuse } = await orderedAndUnderWay(harness, handle);
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
        () => harness.status(without),
        ({ bundles }) => names.every((name) => bundles[name]?.message.startsWith('Paused by') === true),
      );
      const asked = harness.doubles.countOf('revokeCertificates');
      await handle.signal(clusterObserved, without);
      await eventually(
        'they are retried, and blocked as before',
        () => harness.status(without),
        ({ bundles }) =>
          harness.doubles.countOf('revokeCertificates') === asked + names.length &&
          names.every((name) => bundles[name]?.message.includes('refused late') === true),
      );
      expect(harness.doubles.countOf('removeBundle')).toBe(0);
    });
  });

  test('is rejected while the cluster is paused', async () => {
    await withHarness(async (harness) => {
      const { without, handle } = await withBlockedBundles(harness, 'one');
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
