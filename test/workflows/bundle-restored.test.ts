/** A bundle that is taken out of a living cluster and put back before its end is over. */
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

const withLab = useWorkflowHarness();

const BOTH = clusterView({ bundles: [bundleView('primary'), bundleView('other', 'other.example.com')] }).bundles;

/** Both issued; then `other` is taken out. */
async function removeOther(lab: WorkflowHarness) {
  lab.doubles.override('decommissionRules', () => Promise.resolve({ policy: 'wait', limitMs: 86_400_000 }));
  const view = clusterView({ bundles: BOTH });
  const handle = await lab.start(view);
  await untilReady(lab, view);
  const { certificate } = await ready(lab, view);
  await handle.signal(clusterObserved, { ...view, bundles: [bundleView('primary')] });
  return { view, handle, before: certificate?.serialNumber, restore: () => handle.signal(clusterObserved, view) };
}

async function ready(lab: WorkflowHarness, view: ClusterView): Promise<BundleRecord> {
  return (await untilReady(lab, view, 'other')).bundles['other'] as BundleRecord;
}

async function blockedBy(lab: WorkflowHarness, activity: 'revokeCertificates' | 'removeBundle'): Promise<void> {
  await eventually(
    `reported that ${activity} is refused`,
    async () => lab.doubles.reports.at(-1)?.event,
    (event) => event?.reason === 'DecommissionBlocked' && event.message.includes(activity),
  );
}

function refuse(lab: WorkflowHarness, activity: 'revokeCertificates' | 'removeBundle'): void {
  lab.doubles.override(activity, () =>
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
    await withLab(async (lab) => {
      refuse(lab, 'revokeCertificates');
      const { view, before, restore } = await removeOther(lab);
      await blockedBy(lab, 'revokeCertificates');
      const asked = lab.doubles.countOf('revokeCertificates');
      await restore();
      expectIssuedAgain(await ready(lab, view), before);
      expect(lab.doubles.issued).toHaveLength(3);
      expect(lab.doubles.countOf('revokeCertificates')).toBe(asked);
      expect(lab.doubles.countOf('removeBundle')).toBe(0);
    });
  });

  test('once its certificate is revoked keeps its Secret until the next certificate is in it', async () => {
    await withLab(async (lab) => {
      refuse(lab, 'removeBundle');
      const { view, handle, before, restore } = await removeOther(lab);
      await blockedBy(lab, 'removeBundle');
      await restore();
      expectIssuedAgain(await ready(lab, view), before);
      expect(lab.doubles.countOf('removeBundle')).toBe(1);
      // Its end, when that comes, is a whole one.
      lab.doubles.override('removeBundle', undefined);
      await handle.signal(clusterObserved, { ...view, deleting: true });
      const { bundles } = await handle.result();
      expect(bundles.map(({ bundleName, removed }) => [bundleName, removed])).toEqual([
        ['primary', ['primary-cert']],
        ['other', ['other-cert']],
      ]);
      expect(bundles[1]?.revocations.map(({ serialNumber }) => serialNumber)).toEqual([before, '1002']);
    });
  });

  test('while its Secret is just being deleted is served anew when that is done', async () => {
    await withLab(async (lab) => {
      let finish = (): void => undefined;
      const finished = new Promise<void>((resolve) => {
        finish = resolve;
      });
      lab.doubles.override('removeBundle', async ({ secretName }) => {
        await finished;
        lab.doubles.secrets.delete(secretName);
        return { removed: [secretName] };
      });
      const { view, before, restore } = await removeOther(lab);
      await eventually(
        'it is being deleted',
        async () => lab.doubles.countOf('removeBundle'),
        (count) => count === 1,
      );
      await restore();
      finish();
      expectIssuedAgain(await ready(lab, view), before);
      expect(lab.doubles.secrets.has('other-cert')).toBe(true);
    });
  });

  test('between two runs is issued again by the next one', async () => {
    await withLab(async (lab) => {
      refuse(lab, 'revokeCertificates');
      const { view, handle, before } = await removeOther(lab);
      await blockedBy(lab, 'revokeCertificates');
      const { bundles } = await lab.status(view);
      expect(bundles['other']?.state).toBe('Decommissioning');
      await handle.terminate('its state goes on in another run');
      await lab.env.client.workflow.signalWithStart('clusterCertificates', {
        workflowId: clusterWorkflowId(view.identity),
        taskQueue: lab.taskQueue,
        args: [{ cluster: { ...view, bundles: [bundleView('primary')] }, carried: { bundles, gone: false } }],
        signal: clusterObserved,
        signalArgs: [view],
      });
      expectIssuedAgain(await ready(lab, view), before);
      expect(lab.doubles.countOf('removeBundle')).toBe(0);
    });
  });
});

test('a bundle that is taken out, cleared away and put back again and again gets no more certificates than the limit allows', async () => {
  await withLab(async (lab) => {
    const { view, handle, restore } = await removeOther(lab);
    const cleared = async (): Promise<void> => {
      await eventually(
        'it is cleared away',
        () => lab.status(view),
        ({ bundles }) => bundles['other'] === undefined,
      );
    };
    await cleared();
    for (let issued = 2; issued <= CERTIFICATES_PER_EXACT_SET.burst; issued += 1) {
      await restore();
      await ready(lab, view);
      await handle.signal(clusterObserved, { ...view, bundles: [bundleView('primary')] });
      await cleared();
    }
    // A fresh run knows it as well.
    const chain = lab.env.client.workflow.getHandle(clusterWorkflowId(view.identity));
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
      () => lab.status(view),
      ({ bundles: { other } }) => other !== undefined && failureOf(other) !== undefined,
    );
    expect(bundles['other']).toMatchObject({ lastAttempt: { failure: { code: 'rateLimit/exactSet' } } });
    expect(lab.doubles.issued.filter(({ dnsNames }) => dnsNames[0] === 'other.example.com')).toHaveLength(
      CERTIFICATES_PER_EXACT_SET.burst,
    );
  });
});

test('a blocked decommission of a bundle waits while the cluster is paused, and reports it', async () => {
  await withLab(async (lab) => {
    refuse(lab, 'revokeCertificates');
    const { view, handle } = await removeOther(lab);
    await blockedBy(lab, 'revokeCertificates');
    const asked = lab.doubles.countOf('revokeCertificates');
    const served = { ...view, bundles: [bundleView('primary')] };
    await handle.signal(clusterObserved, { ...served, paused: true });
    await eventually(
      'it says so',
      () => lab.status(view),
      ({ bundles }) => bundles['other']?.message.startsWith('Paused by the annotation') === true,
    );
    await handle.signal(dependencyChanged, { what: 'The Secret lets-encrypt-account was changed.' });
    lab.doubles.override('revokeCertificates', undefined);
    await handle.signal(clusterObserved, served);
    await eventually(
      'it has come to its end',
      () => lab.status(view),
      ({ bundles }) => bundles['other'] === undefined,
    );
    expect(lab.doubles.countOf('revokeCertificates')).toBe(asked + 1);
  });
});
