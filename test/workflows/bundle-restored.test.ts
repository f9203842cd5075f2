/** A bundle that is removed from a cluster and restored before its decommission is over. */
import { describe, expect, test } from 'vitest';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import { type BundleRecord, failureOf } from '../../src/contract/bundle-record.ts';
import { clusterObserved, dependencyChanged, renew } from '../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../src/contract/ids.ts';
import { CERTIFICATES_PER_EXACT_SET } from '../../src/rate-limit/limits.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { activityFailure } from '../support/workflows/activity-doubles.ts';
import { bundleView, clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const withHarness = useWorkflowHarness();

const BOTH = clusterView({ bundles: [bundleView('primary'), bundleView('other', 'other.example.com')] }).bundles;

/** Both are issued; then `other` is removed. */
async function removeOther(harness: WorkflowHarness) {
  harness.doubles.override('decommissionRules', () => Promise.resolve({ policy: 'wait', limitMs: 86_400_000 }));
  const view = clusterView({ bundles: BOTH });
  const handle = await harness.start(view);
  await untilReady(harness, view);
  const { certificate } = await ready(harness, view);
  await handle.signal(clusterObserved, { ...view, bundles: [bundleView('primary')] });
  return { view, handle, before: certificate?.serialNumber, restore: () => handle.signal(clusterObserved, view) };
}

async function ready(harness: WorkflowHarness, view: ClusterView): Promise<BundleRecord> {
  return (await untilReady(harness, view, 'other')).bundles['other'] as BundleRecord;
}

async function blockedBy(harness: WorkflowHarness, activity: 'revokeCertificates' | 'removeBundle'): Promise<void> {
  await eventually(
    `reported that ${activity} is refused`,
    // Reports of the other bundle may come after it.
    async () => harness.doubles.reports.flatMap(({ event }) => event ?? []),
    (events) => events.some(({ reason, message }) => reason === 'DecommissionBlocked' && message.includes(activity)),
  );
}

function refuse(harness: WorkflowHarness, activity: 'revokeCertificates' | 'removeBundle'): void {
  harness.doubles.override(activity, () =>
    Promise.reject(activityFailure('kubernetes/forbidden', `${activity} is refused`)),
  );
}

function expectIssuedAgain({ state, certificate, ...record }: BundleRecord, before: string | undefined): void {
  expect(state).toBe('Ready');
  expect(certificate?.serialNumber).toBeDefined();
  expect(certificate?.serialNumber).not.toBe(before);
  for (const field of ['started', 'blocked', 'result', 'revokedSerialNumber', 'lastAttempt', 'nextAttempt'])
    expect(record).not.toHaveProperty(field);
}

describe('a bundle that is restored', () => {
  test('while its revocation is blocked is not decommissioned, and gets another certificate', async () => {
    await withHarness(async (harness) => {
      refuse(harness, 'revokeCertificates');
      const { view, before, restore } = await removeOther(harness);
      await blockedBy(harness, 'revokeCertificates');
      const asked = harness.doubles.countOf('revokeCertificates');
      await restore();
      expectIssuedAgain(await ready(harness, view), before);
      expect(harness.doubles.issued).toHaveLength(3);
      expect(harness.doubles.countOf('revokeCertificates')).toBe(asked);
      expect(harness.doubles.countOf('removeBundle')).toBe(0);
    });
  });

  test('once its certificate is revoked keeps its Secret until the next certificate is in it', async () => {
    await withHarness(async (harness) => {
      refuse(harness, 'removeBundle');
      const { view, handle, before, restore } = await removeOther(harness);
      await blockedBy(harness, 'removeBundle');
      await restore();
      expectIssuedAgain(await ready(harness, view), before);
      expect(harness.doubles.countOf('removeBundle')).toBe(1);
      // Its next decommission is complete.
      harness.doubles.override('removeBundle', undefined);
      await handle.signal(clusterObserved, { ...view, deleting: true });
      const { bundles } = await handle.result();
      expect(bundles.map(({ bundleName, removed }) => [bundleName, removed])).toEqual([
        ['primary', ['primary-cert']],
        ['other', ['other-cert']],
      ]);
      expect(bundles[1]?.revocations.map(({ serialNumber }) => serialNumber)).toEqual([before, '1002']);
    });
  });

  test('while its Secret is being deleted is issued again after that', async () => {
    await withHarness(async (harness) => {
      let finish = (): void => undefined;
      const finished = new Promise<void>((resolve) => {
        finish = resolve;
      });
      harness.doubles.override('removeBundle', async ({ secretName }) => {
        await finished;
        harness.doubles.secrets.delete(secretName);
        return { removed: [secretName] };
      });
      const { view, before, restore } = await removeOther(harness);
      await eventually(
        'it is being deleted',
        async () => harness.doubles.countOf('removeBundle'),
        (count) => count === 1,
      );
      await restore();
      finish();
      expectIssuedAgain(await ready(harness, view), before);
      expect(harness.doubles.secrets.has('other-cert')).toBe(true);
    });
  });

  test('between two runs is issued again by the next one', async () => {
    await withHarness(async (harness) => {
      refuse(harness, 'revokeCertificates');
      const { view, handle, before } = await removeOther(harness);
      await blockedBy(harness, 'revokeCertificates');
      const { bundles } = await harness.status(view);
      expect(bundles['other']?.state).toBe('Decommissioning');
      await handle.terminate('its state goes on in another run');
      await harness.env.client.workflow.signalWithStart('clusterCertificates', {
        workflowId: clusterWorkflowId(view.identity),
        taskQueue: harness.taskQueue,
        args: [{ cluster: { ...view, bundles: [bundleView('primary')] }, carried: { bundles, gone: false } }],
        signal: clusterObserved,
        signalArgs: [view],
      });
      expectIssuedAgain(await ready(harness, view), before);
      expect(harness.doubles.countOf('removeBundle')).toBe(0);
    });
  });
});

test('a bundle that is removed, decommissioned and restored again and again does not exceed the rate limit', async () => {
  await withHarness(async (harness) => {
    const { view, handle, restore } = await removeOther(harness);
    const cleared = async (): Promise<void> => {
      await eventually(
        'it is cleared away',
        () => harness.status(view),
        ({ bundles }) => bundles['other'] === undefined,
      );
    };
    await cleared();
    for (let issued = 2; issued <= CERTIFICATES_PER_EXACT_SET.burst; issued += 1) {
      await restore();
      await ready(harness, view);
      await handle.signal(clusterObserved, { ...view, bundles: [bundleView('primary')] });
      await cleared();
    }
    // Also after continue-as-new.
    const chain = harness.env.client.workflow.getHandle(clusterWorkflowId(view.identity));
    const { runId } = await chain.describe();
    await chain.executeUpdate(renew, { args: [{ bundleName: 'primary' }] });
    await eventually(
      'a fresh run',
      () => chain.describe(),
      (run) => run.runId !== runId,
    );
    await chain.signal(clusterObserved, view);
    const { bundles } = await eventually(
      'it is held',
      () => harness.status(view),
      ({ bundles: { other } }) => other !== undefined && failureOf(other) !== undefined,
    );
    expect(bundles['other']).toMatchObject({ lastAttempt: { failure: { code: 'rateLimit/exactSet' } } });
    expect(harness.doubles.issued.filter(({ dnsNames }) => dnsNames[0] === 'other.example.com')).toHaveLength(
      CERTIFICATES_PER_EXACT_SET.burst,
    );
  });
});

test('a blocked decommission of a bundle waits while the cluster is paused, and reports it', async () => {
  await withHarness(async (harness) => {
    refuse(harness, 'revokeCertificates');
    const { view, handle } = await removeOther(harness);
    await blockedBy(harness, 'revokeCertificates');
    const asked = harness.doubles.countOf('revokeCertificates');
    const served = { ...view, bundles: [bundleView('primary')] };
    await handle.signal(clusterObserved, { ...served, paused: true });
    await eventually(
      'it says so',
      () => harness.status(view),
      ({ bundles }) => bundles['other']?.message.startsWith('Paused by the annotation') === true,
    );
    await handle.signal(dependencyChanged, { what: 'The Secret lets-encrypt-account was changed.' });
    harness.doubles.override('revokeCertificates', undefined);
    await handle.signal(clusterObserved, served);
    await eventually(
      'it has come to its end',
      () => harness.status(view),
      ({ bundles }) => bundles['other'] === undefined,
    );
    expect(harness.doubles.countOf('revokeCertificates')).toBe(asked + 1);
  });
});
