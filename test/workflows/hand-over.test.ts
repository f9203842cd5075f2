/** A CertificateRequest that stands alone until a ClusterDeployment lays claim to it: its workflow lets go of it as it is. */
import { describe, expect, test } from 'vitest';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import {
  clusterGone,
  clusterObserved,
  clusterWorkflowId,
  type DecommissionLedger,
  renew,
  requestClaimed,
} from '../../workflows/contract.ts';
import { retryableFailure, typedFailure } from '../support/activity-doubles.ts';
import { eventually } from '../support/eventually.ts';
import { bundleView, clusterView } from '../support/views.ts';
import { type Lab, useLab } from '../support/workflow-lab.ts';

const withLab = useLab();

const CLAIM = { clusterDeployment: 'c1' };

function standalone(): ClusterView {
  const uid = crypto.randomUUID();
  return clusterView({
    identity: { hive: 'hive', namespace: 'ns', name: 'web', uid, kind: 'CertificateRequest' },
    bundles: [{ ...bundleView('web'), requestName: 'web' }],
  });
}

function inState(lab: Lab, view: ClusterView, state: string): Promise<unknown> {
  return eventually(
    state,
    () => lab.status(view),
    ({ bundles }) => bundles['web']?.state === state,
  );
}

function ledgerOf(lab: Lab, view: ClusterView): Promise<DecommissionLedger> {
  return lab.env.client.workflow.getHandle(clusterWorkflowId(view.identity)).result();
}

function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

function nothingEnded(lab: Lab): void {
  for (const activity of ['revokeCertificates', 'removeBundle', 'releaseCluster'] as const) {
    expect(lab.doubles.countOf(activity)).toBe(0);
  }
}

describe('a request that is claimed', () => {
  test('while it sleeps is left as it is, and its workflow says whose it is', async () => {
    await withLab(async (lab) => {
      const view = standalone();
      const handle = await lab.start(view);
      await inState(lab, view, 'Ready');
      await handle.signal(requestClaimed, CLAIM);
      expect(await ledgerOf(lab, view)).toEqual({
        cluster: view.identity,
        bundles: [{ bundleName: 'web', revocations: [], removed: [] }],
        finalizerReleased: false,
        claimedBy: 'c1',
      });
      nothingEnded(lab);
    });
  });

  test('in the middle of an order has that cut short and its records withdrawn, and who waits for it told', async () => {
    await withLab(async (lab) => {
      const view = standalone();
      const handle = await lab.start(view);
      await inState(lab, view, 'Ready');
      lab.doubles.when('verifyPropagation', async () => {
        throw retryableFailure();
      });
      const renewal = handle.executeUpdate(renew, { args: [{}] });
      const refused = expect(renewal).rejects.toMatchObject({ cause: { type: 'renew/abandoned' } });
      await eventually(
        'published',
        async () => lab.doubles.published.size,
        (size) => size === 2,
      );
      await handle.signal(requestClaimed, CLAIM);
      await refused;
      expect((await ledgerOf(lab, view)).claimedBy).toBe('c1');
      expect(lab.doubles.published.size).toBe(0);
      nothingEnded(lab);
    });
  });

  test('has records withdrawn that an earlier order had to leave; what cannot be is in the result', async () => {
    await withLab(async (lab) => {
      const view = standalone();
      const denied = typedFailure('dns/accessDenied', 'no right to change the zone');
      lab.doubles.when('withdrawTxtRecords', async () => {
        throw denied;
      });
      const handle = await lab.start(view);
      await inState(lab, view, 'Ready');
      await handle.signal(requestClaimed, CLAIM);
      const { bundles, claimedBy } = await ledgerOf(lab, view);
      expect(claimedBy).toBe('c1');
      expect(bundles).toMatchObject([{ bundleName: 'web', problem: { code: 'dns/accessDenied' } }]);
      nothingEnded(lab);
    });
  });

  test('and then vanishes is the business of the cluster that has it', async () => {
    await withLab(async (lab) => {
      const view = standalone();
      const gone = gate();
      let withdrawals = 0;
      lab.doubles.when('withdrawTxtRecords', async () => {
        withdrawals += 1;
        if (withdrawals === 1) throw typedFailure('dns/accessDenied', 'no right to change the zone');
        await gone.opened;
      });
      const handle = await lab.start(view);
      await inState(lab, view, 'Ready');
      await handle.signal(requestClaimed, CLAIM);
      await eventually(
        'it lets go',
        async () => withdrawals,
        (count) => count === 2,
      );
      await handle.signal(clusterGone);
      gone.open();
      expect((await ledgerOf(lab, view)).claimedBy).toBe('c1');
      nothingEnded(lab);
    });
  });

  test('when its end has begun comes to that end', async () => {
    await withLab(async (lab) => {
      const view = standalone();
      const claimed = gate();
      lab.doubles.when('revokeCertificates', async () => {
        await claimed.opened;
        return [];
      });
      const handle = await lab.start(view);
      await inState(lab, view, 'Ready');
      await handle.signal(clusterObserved, { ...view, deleting: true });
      await eventually(
        'it revokes',
        async () => lab.doubles.countOf('revokeCertificates'),
        (count) => count === 1,
      );
      await handle.signal(requestClaimed, CLAIM);
      claimed.open();
      const ledger = await ledgerOf(lab, view);
      expect(ledger).toMatchObject({ finalizerReleased: true, bundles: [{ removed: ['web-cert'] }] });
      expect(ledger.claimedBy).toBeUndefined();
    });
  });
});
