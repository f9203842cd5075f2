/** A standalone CertificateRequest that a ClusterDeployment claims: its workflow hands it over unchanged. */
import { describe, expect, test } from 'vitest';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import {
  clusterGone,
  clusterObserved,
  type DecommissionResult,
  renew,
  requestClaimed,
} from '../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../src/contract/ids.ts';
import { revocationRequested } from '../../src/contract/revocation-request.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { activityFailure, retryableFailure } from '../support/workflows/activity-doubles.ts';
import { bundleView, clusterView } from '../support/workflows/cluster-views.ts';
import { useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const withHarness = useWorkflowHarness();

const CLAIM = { clusterDeployment: 'c1' };

function standalone(): ClusterView {
  const uid = crypto.randomUUID();
  return clusterView({
    identity: { managementCluster: 'hive', namespace: 'ns', name: 'web', uid, kind: 'CertificateRequest' },
    bundles: [{ ...bundleView('web'), requestName: 'web' }],
  });
}

function waitForState(harness: WorkflowHarness, view: ClusterView, state: string): Promise<unknown> {
  return eventually(
    state,
    () => harness.status(view),
    ({ bundles }) => bundles['web']?.state === state,
  );
}

function decommissionResultOf(harness: WorkflowHarness, view: ClusterView): Promise<DecommissionResult> {
  return harness.env.client.workflow.getHandle(clusterWorkflowId(view.identity)).result();
}

function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

function nothingEnded(harness: WorkflowHarness): void {
  for (const activity of ['revokeCertificates', 'removeBundle', 'removeFinalizer'] as const) {
    expect(harness.doubles.countOf(activity)).toBe(0);
  }
}

describe('a request that is claimed', () => {
  test('while it sleeps is not changed, and its workflow returns the claim', async () => {
    await withHarness(async (harness) => {
      const view = standalone();
      const handle = await harness.start(view);
      await waitForState(harness, view, 'Ready');
      await handle.signal(requestClaimed, CLAIM);
      expect(await decommissionResultOf(harness, view)).toEqual({
        cluster: view.identity,
        bundles: [{ bundleName: 'web', revocations: [], removed: [], failures: [] }],
        finalizerRemoved: false,
        claimedBy: 'c1',
      });
      nothingEnded(harness);
    });
  });

  test('while its order waits for its turn releases it', async () => {
    await withHarness(async (harness) => {
      const view = standalone();
      const turn = new Date(Date.now() + 48 * 3_600_000);
      harness.doubles.override('placeOrder', () =>
        Promise.reject(activityFailure('rateLimit/newOrders', 'others first', turn)),
      );
      const handle = await harness.start(view);
      await waitForState(harness, view, 'Waiting');
      await handle.signal(requestClaimed, CLAIM);
      expect((await decommissionResultOf(harness, view)).claimedBy).toBe('c1');
      const released = harness.doubles.calls.filter(({ activity }) => activity === 'releaseTurn');
      expect(released.map(({ input }) => input)).toEqual([{ cluster: view.identity, bundleName: 'web' }]);
      nothingEnded(harness);
    });
  });

  test('by a claim without a uid says what it cannot hand over', async () => {
    await withHarness(async (harness) => {
      const view = standalone();
      const handle = await harness.start(view);
      await waitForState(harness, view, 'Ready');
      await handle.executeUpdate(renew, { args: [{}] });
      await handle.signal(requestClaimed, CLAIM);
      const { bundles } = await decommissionResultOf(harness, view);
      expect(bundles[0]?.failures).toMatchObject([{ code: 'kubernetes/notFound' }]);
      expect(bundles[0]?.failures[0]?.message).toContain('its claim has no uid');
      nothingEnded(harness);
    });
  });

  test('passes older certificates on to the cluster, once that has a workflow, which revokes them at its end', async () => {
    await withHarness(async (harness) => {
      const view = standalone();
      const handle = await harness.start(view);
      await waitForState(harness, view, 'Ready');
      await handle.executeUpdate(renew, { args: [{}] });
      const [older, present] = harness.doubles.issued;
      const { uid } = clusterView().identity;
      const identity = { managementCluster: 'hive', namespace: 'ns', name: 'c1', uid };
      const cluster = clusterView({ identity, bundles: [{ ...bundleView('web'), requestName: 'web' }] });
      await harness.untilAsleep(view);
      await handle.signal(requestClaimed, { ...CLAIM, uid });
      // It tries again, since no workflow of the cluster runs yet.
      await eventually(
        'its first attempt has failed',
        async () => (await handle.fetchHistory()).events ?? [],
        (events) => events.some((event) => event.signalExternalWorkflowExecutionFailedEventAttributes),
      );
      const claiming = await harness.start(cluster);
      await waitForState(harness, cluster, 'Ready');
      await harness.advanceTime(20_000);
      expect((await decommissionResultOf(harness, view)).claimedBy).toBe('c1');
      nothingEnded(harness);
      await eventually(
        'the cluster knows the older certificate',
        () => harness.status(cluster),
        ({ bundles }) => bundles['web']?.issued.some((one) => one.serialNumber === older?.serialNumber) === true,
      );
      await harness.untilAsleep(cluster);
      await claiming.signal(clusterObserved, { ...cluster, deleting: true });
      await decommissionResultOf(harness, cluster);
      const revocation = harness.doubles.calls.find(({ activity }) => activity === 'revokeCertificates');
      expect(revocation?.input).toMatchObject({ issued: [{ serialNumber: older?.serialNumber }] });
      expect(present?.serialNumber).not.toBe(older?.serialNumber);
    });
  });

  test('passes pending requests of operators on, and the cluster carries them out', async () => {
    await withHarness(async (harness) => {
      const { doubles } = harness;
      const view = standalone();
      const handle = await harness.start(view);
      await waitForState(harness, view, 'Ready');
      const { uid } = clusterView().identity;
      const identity = { managementCluster: 'hive', namespace: 'ns', name: 'c1', uid };
      const cluster = clusterView({ identity, bundles: [{ ...bundleView('web'), requestName: 'web' }] });
      doubles.failOrders('acme/unreachable', 'no answer');
      await handle.executeUpdate(renew, { args: [{}] }).catch(() => undefined);
      const request = { bundleName: 'web', serialNumber: '1000', reason: 1, replaceFirst: true, delayMs: 0 } as const;
      await handle.signal(revocationRequested, request);
      await harness.start(cluster);
      await waitForState(harness, cluster, 'Ready');
      await harness.untilAsleep(view);
      doubles.override('placeOrder', undefined);
      await handle.signal(requestClaimed, { ...CLAIM, uid });
      const { bundles } = await eventually(
        'revoked',
        () => harness.status(cluster),
        (status) => status.bundles['web']?.revocations?.[0]?.result !== undefined,
      );
      expect(bundles['web']?.certificate?.serialNumber).toBe('1001');
      expect(bundles['web']?.renewalRequest).toBeUndefined();
      const revoked = doubles.calls.find(({ activity }) => activity === 'revokeReplaced');
      expect(revoked?.input).toMatchObject({ cluster: { name: 'c1' }, certificate: { serialNumber: '1000' } });
    });
  });

  test('during an order: the order is cancelled, its records are withdrawn, and a pending renew fails', async () => {
    await withHarness(async (harness) => {
      const view = standalone();
      const handle = await harness.start(view);
      await waitForState(harness, view, 'Ready');
      harness.doubles.override('verifyPropagation', async () => {
        throw retryableFailure();
      });
      const renewal = handle.executeUpdate(renew, { args: [{}] });
      const refused = expect(renewal).rejects.toMatchObject({ cause: { type: 'renew/aborted' } });
      await eventually(
        'published',
        async () => harness.doubles.published.size,
        (size) => size === 2,
      );
      await handle.signal(requestClaimed, CLAIM);
      await refused;
      expect((await decommissionResultOf(harness, view)).claimedBy).toBe('c1');
      expect(harness.doubles.published.size).toBe(0);
      nothingEnded(harness);
    });
  });

  test('withdraws records that an earlier order left; a failure is in the result', async () => {
    await withHarness(async (harness) => {
      const view = standalone();
      const denied = activityFailure('dns/accessDenied', 'no right to change the zone');
      harness.doubles.override('withdrawTxtRecords', async () => {
        throw denied;
      });
      const handle = await harness.start(view);
      await waitForState(harness, view, 'Ready');
      await handle.signal(requestClaimed, CLAIM);
      const { bundles, claimedBy } = await decommissionResultOf(harness, view);
      expect(claimedBy).toBe('c1');
      expect(bundles).toMatchObject([{ bundleName: 'web', failures: [{ code: 'dns/accessDenied' }] }]);
      nothingEnded(harness);
    });
  });

  test('and then gone is ignored: the workflow of its cluster manages it', async () => {
    await withHarness(async (harness) => {
      const view = standalone();
      const gone = gate();
      let withdrawals = 0;
      harness.doubles.override('withdrawTxtRecords', async () => {
        withdrawals += 1;
        // Beside the order, and after it.
        if (withdrawals <= 2) throw activityFailure('dns/accessDenied', 'no right to change the zone');
        await gone.opened;
      });
      const handle = await harness.start(view);
      await waitForState(harness, view, 'Ready');
      await handle.signal(requestClaimed, CLAIM);
      await eventually(
        'it is handed over',
        async () => withdrawals,
        (count) => count === 3,
      );
      await handle.signal(clusterGone);
      gone.open();
      expect((await decommissionResultOf(harness, view)).claimedBy).toBe('c1');
      nothingEnded(harness);
    });
  });

  test('after its decommission has started is decommissioned', async () => {
    await withHarness(async (harness) => {
      const view = standalone();
      const claimed = gate();
      harness.doubles.override('revokeCertificates', async () => {
        await claimed.opened;
        return [];
      });
      const handle = await harness.start(view);
      await waitForState(harness, view, 'Ready');
      await handle.signal(clusterObserved, { ...view, deleting: true });
      await eventually(
        'it revokes',
        async () => harness.doubles.countOf('revokeCertificates'),
        (count) => count === 1,
      );
      await handle.signal(requestClaimed, CLAIM);
      claimed.open();
      const result = await decommissionResultOf(harness, view);
      expect(result).toMatchObject({ finalizerRemoved: true, bundles: [{ removed: ['web-cert'] }] });
      expect(result.claimedBy).toBeUndefined();
    });
  });
});
