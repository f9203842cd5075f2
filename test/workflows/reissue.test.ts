/** Every other reason to order than the calendar, what is asked for then, and what holds an order back. */
import { describe, expect, test } from 'vitest';
import type { CertificateFacts, SecretObservation } from '../../src/certificates/certificate-facts.ts';
import type { PlaceOrderInput } from '../../src/contract/activities.ts';
import { type BundleRecord, lastAttemptOf, summaryOf } from '../../src/contract/bundle-record.ts';
import {
  certificateRevoked,
  clusterObserved,
  dependencyChanged,
  renew,
  renewalWindowChanged,
} from '../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../src/contract/ids.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { activityFailure } from '../support/workflows/activity-doubles.ts';
import { bundleView, clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const HOUR_MS = 3_600_000;

const withLab = useWorkflowHarness();

type View = ReturnType<typeof clusterView>;

async function begun(lab: WorkflowHarness): Promise<View> {
  const view = clusterView();
  await lab.start(view);
  await untilReady(lab, view);
  return view;
}

type SummarizedRecord = BundleRecord & ReturnType<typeof summaryOf>;

async function record(lab: WorkflowHarness, view: View): Promise<SummarizedRecord> {
  const found = (await lab.status(view)).bundles['primary'];
  if (found === undefined) throw new Error('no record');
  return { ...found, ...summaryOf(found) } as SummarizedRecord;
}

/** Waits until this many certificates were issued and the last one is in its place. */
async function issuedAndReady(lab: WorkflowHarness, view: View, count: number): Promise<SummarizedRecord> {
  await eventually(
    `certificate ${count}`,
    async () => lab.doubles.issued.length,
    (found) => found === count,
  );
  await eventually(
    'Ready',
    () => record(lab, view),
    (found) => found.state === 'Ready' && found.certificate?.serialNumber === String(999 + count),
  );
  return await record(lab, view);
}

function handleOf(lab: WorkflowHarness, view: View) {
  return lab.env.client.workflow.getHandle(clusterWorkflowId(view.identity));
}

/** Signals a change, and waits for the evaluation. */
async function evaluateAgain(lab: WorkflowHarness, view: View): Promise<void> {
  const before = lab.doubles.countOf('applyCertificateRequest');
  await handleOf(lab, view).signal(dependencyChanged, { what: 'a test' });
  await eventually(
    'evaluated',
    async () => lab.doubles.countOf('applyCertificateRequest'),
    (count) => count > before,
  );
}

function lastOrder(lab: WorkflowHarness): PlaceOrderInput {
  return lab.doubles.calls.findLast(({ activity }) => activity === 'placeOrder')?.input as PlaceOrderInput;
}

const window = (certId: string, startMs: number, endMs: number) => ({
  certId,
  start: new Date(Date.now() + startMs).toISOString(),
  end: new Date(Date.now() + endMs).toISOString(),
});

describe('a window that the CA moved', () => {
  test('into the past has the certificate replaced at once, by an order that says which it replaces', async () => {
    await withLab(async (lab) => {
      const view = await begun(lab);
      const { certificate } = await record(lab, view);
      expect(lastOrder(lab).replaces).toBeUndefined();
      await handleOf(lab, view).signal(renewalWindowChanged, {
        bundleName: 'primary',
        window: window(certificate?.certId ?? '', -2 * HOUR_MS, -HOUR_MS),
      });
      const after = await issuedAndReady(lab, view, 2);
      expect(lastOrder(lab).replaces).toBe(certificate?.certId);
      expect(after.suggestedWindow).toBeUndefined();
      expect(lab.doubles.reports.at(-1)?.event?.reason).toBe('Renewed');
    });
  });

  test('a window of a replaced certificate changes nothing', async () => {
    await withLab(async (lab) => {
      const view = await begun(lab);
      const stale = window((await record(lab, view)).certificate?.certId ?? '', -2 * HOUR_MS, -HOUR_MS);
      const outdated = { bundleName: 'primary', window: stale };
      await handleOf(lab, view).signal(renewalWindowChanged, outdated);
      await issuedAndReady(lab, view, 2);
      await handleOf(lab, view).signal(renewalWindowChanged, outdated);
      await evaluateAgain(lab, view);
      expect(lab.doubles.issued).toHaveLength(2);
    });
  });

  test('to an earlier day moves the renewal there, and back when it moves back', async () => {
    await withLab(async (lab) => {
      const view = await begun(lab);
      const { certificate, renewalTime: planned } = await record(lab, view);
      const soon = window(certificate?.certId ?? '', 10 * HOUR_MS, 12 * HOUR_MS);
      await handleOf(lab, view).signal(renewalWindowChanged, { bundleName: 'primary', window: soon });
      const moved = await eventually(
        'moved',
        () => record(lab, view),
        ({ renewalTime }) => renewalTime !== planned,
      );
      expect(Date.parse(moved.renewalTime ?? '')).toBeGreaterThanOrEqual(Date.parse(soon.start));
      expect(Date.parse(moved.renewalTime ?? '')).toBeLessThanOrEqual(Date.parse(soon.end));
      expect(lab.doubles.reports.at(-1)?.suggestedWindow).toEqual(soon);
      const late = window(certificate?.certId ?? '', 60 * 24 * HOUR_MS, 61 * 24 * HOUR_MS);
      await handleOf(lab, view).signal(renewalWindowChanged, { bundleName: 'primary', window: late });
      await eventually(
        'back',
        () => record(lab, view),
        ({ renewalTime }) => renewalTime === planned,
      );
      expect(lab.doubles.issued).toHaveLength(1);
    });
  });
});

test('a signal before the first task of a run is evaluated, although the run sleeps on', async () => {
  await withLab(async (lab) => {
    const view = await begun(lab);
    const { bundles } = await lab.status(view);
    await handleOf(lab, view).terminate('its state goes on in another run');
    lab.doubles.secrets.delete('primary-cert');
    // As after a continue-as-new, during the second for which the server holds the first task back.
    await lab.env.client.workflow.signalWithStart('clusterCertificates', {
      workflowId: clusterWorkflowId(view.identity),
      taskQueue: lab.taskQueue,
      args: [{ cluster: view, carried: { bundles, gone: false } }],
      signal: dependencyChanged,
      signalArgs: [{ what: 'The Secret was deleted.' }],
    });
    await issuedAndReady(lab, view, 2);
  });
});

test('a revoked certificate is replaced; a revocation of a replaced one is ignored', async () => {
  await withLab(async (lab) => {
    const view = await begun(lab);
    await handleOf(lab, view).signal(certificateRevoked, { bundleName: 'primary', serialNumber: '4711' });
    await evaluateAgain(lab, view);
    expect(lab.doubles.issued).toHaveLength(1);
    await handleOf(lab, view).signal(certificateRevoked, { bundleName: 'primary', serialNumber: '1000' });
    expect((await issuedAndReady(lab, view, 2)).revokedSerialNumber).toBeUndefined();
  });
});

test('a change of the CA replaces the certificate, without naming what the new CA does not know', async () => {
  await withLab(async (lab) => {
    const view = await begun(lab);
    lab.doubles.caHost = 'another-ca.test';
    await evaluateAgain(lab, view);
    expect((await issuedAndReady(lab, view, 2)).caHost).toBe('another-ca.test');
    expect(lastOrder(lab).replaces).toBeUndefined();
    await evaluateAgain(lab, view);
    expect(lab.doubles.issued).toHaveLength(2);
  });
});

describe('the limit on one set of names', () => {
  test('limits orders after repeated deletions of the Secret, reports until when, and limits neither other names nor another CA', async () => {
    await withLab(async (lab) => {
      const view = await begun(lab);
      for (let count = 2; count <= 5; count += 1) {
        lab.doubles.secrets.delete('primary-cert');
        await handleOf(lab, view).signal(dependencyChanged, { what: 'The Secret was deleted.' });
        await issuedAndReady(lab, view, count);
      }
      lab.doubles.secrets.delete('primary-cert');
      await handleOf(lab, view).signal(dependencyChanged, { what: 'The Secret was deleted.' });
      const held = await eventually(
        'held',
        () => record(lab, view),
        ({ state }) => state === 'Failing',
      );
      expect(held.failure?.code).toBe('rateLimit/exactSet');
      expect(Date.parse(held.nextAttempt ?? '') - Date.now()).toBeGreaterThan(HOUR_MS);
      expect(held.message).toContain(held.nextAttempt ?? 'an instant');
      await evaluateAgain(lab, view);
      expect(lab.doubles.issued).toHaveLength(5);
      lab.doubles.caHost = 'another-ca.test';
      await handleOf(lab, view).signal(dependencyChanged, { what: 'The account Secret changed.' });
      expect((await issuedAndReady(lab, view, 6)).caHost).toBe('another-ca.test');
      lab.doubles.caHost = 'ca.test';
      await handleOf(lab, view).signal(dependencyChanged, { what: 'The account Secret changed.' });
      await eventually(
        'held again',
        () => record(lab, view),
        ({ failure }) => failure?.code === 'rateLimit/exactSet',
      );
      const renamed = { ...view, bundles: [bundleView('primary', 'other.example.com')] };
      await handleOf(lab, view).signal(clusterObserved, renamed);
      await issuedAndReady(lab, view, 7);
    });
  });
});

describe('while the CA forbids an attempt', () => {
  async function forbidden(lab: WorkflowHarness): Promise<View> {
    const view = clusterView();
    lab.doubles.override('placeOrder', () =>
      Promise.reject(activityFailure('acme/rateLimited', 'too many orders', new Date(Date.now() + 5 * HOUR_MS))),
    );
    await lab.start(view);
    await eventually(
      'held',
      () => record(lab, view),
      ({ state }) => state === 'Failing',
    );
    lab.doubles.override('placeOrder', undefined);
    return view;
  }

  test('a certificate that another writer installs is used', async () => {
    await withLab(async (lab) => {
      const view = await forbidden(lab);
      lab.doubles.secrets.set('primary-cert', certificateOf(view, '77'));
      await handleOf(lab, view).signal(dependencyChanged, { what: 'The Secret was restored.' });
      const ready = await eventually(
        'Ready',
        () => record(lab, view),
        ({ state }) => state === 'Ready',
      );
      expect(ready).toMatchObject({ failedAttempts: 0, certificate: { serialNumber: '77' } });
      expect(lab.doubles.issued).toHaveLength(0);
    });
  });

  test('the request is still kept as it should be, and nothing is ordered', async () => {
    await withLab(async (lab) => {
      const view = await forbidden(lab);
      const orders = lab.doubles.countOf('placeOrder');
      await evaluateAgain(lab, view);
      expect(lab.doubles.countOf('placeOrder')).toBe(orders);
      expect(await record(lab, view)).toMatchObject({ state: 'Failing', failedAttempts: 1 });
    });
  });

  test('another CA is asked at once, and what it says holds from then on', async () => {
    await withLab(async (lab) => {
      const view = await forbidden(lab);
      const orders = lab.doubles.countOf('placeOrder');
      lab.doubles.caHost = 'another-ca.test';
      const until = new Date(Date.now() + 3 * HOUR_MS);
      lab.doubles.override('placeOrder', () => Promise.reject(activityFailure('acme/rateLimited', 'here too', until)));
      await handleOf(lab, view).signal(dependencyChanged, { what: 'The account Secret changed.' });
      await eventually(
        'held by the other CA',
        () => record(lab, view),
        ({ failure }) => failure?.notBefore === until.toISOString(),
      );
      lab.doubles.override('placeOrder', undefined);
      await evaluateAgain(lab, view);
      expect(lab.doubles.countOf('placeOrder')).toBe(orders + 1);
      lab.doubles.caHost = 'ca.test';
      await handleOf(lab, view).signal(dependencyChanged, { what: 'The account Secret changed.' });
      expect(lastAttemptOf(await issuedAndReady(lab, view, 1))).toBeUndefined();
    });
  });

  test('other names are ordered at once', async () => {
    await withLab(async (lab) => {
      const view = await forbidden(lab);
      await handleOf(lab, view).signal(clusterObserved, {
        ...view,
        bundles: [bundleView('primary', 'other.example.com')],
      });
      await issuedAndReady(lab, view, 1);
    });
  });
});

test('a cluster that keeps changing while the CA refuses to validate is not tried at every change; for an operator it is', async () => {
  await withLab(async (lab) => {
    const view = clusterView();
    lab.doubles.override('answerChallenges', () =>
      Promise.reject(activityFailure('acme/challengeFailed', 'no TXT record')),
    );
    const handle = await lab.start(view);
    const failed = await eventually(
      'failed',
      () => record(lab, view),
      ({ failedAttempts }) => failedAttempts === 1,
    );
    for (const limitedSupport of [true, false, true]) {
      const before = lab.doubles.countOf('applyCertificateRequest');
      await handle.signal(clusterObserved, { ...view, limitedSupport });
      await eventually(
        'evaluated',
        async () => lab.doubles.countOf('applyCertificateRequest'),
        (count) => count > before,
      );
    }
    expect(await record(lab, view)).toMatchObject({ failedAttempts: 1, nextAttempt: failed.nextAttempt });
    expect(lab.doubles.countOf('answerChallenges')).toBe(1);
    lab.doubles.override('answerChallenges', undefined);
    await handleOf(lab, view).executeUpdate(renew, { args: [{}] });
    await issuedAndReady(lab, view, 1);
  });
});

test('an adopted certificate is revoked by the decommission, even after its renewal', async () => {
  await withLab(async (lab) => {
    const view = clusterView();
    const adopted = certificateOf(view, '77', -50 * 24 * HOUR_MS);
    lab.doubles.secrets.set('primary-cert', adopted);
    const handle = await lab.start(view);
    const renewed = await issuedAndReady(lab, view, 1);
    expect(renewed.issued.map(({ serialNumber, leaf }) => [serialNumber, leaf])).toEqual([
      ['77', 'leaf of 77'],
      ['1000', undefined],
    ]);
    await handle.signal(clusterObserved, { ...view, deleting: true });
    const ledger = await handle.result();
    expect(ledger.bundles[0]?.revocations.map(({ serialNumber }) => serialNumber)).toEqual(['77', '1000']);
  });
});

/** A certificate of 90 days for the view's names, begun `sinceMs` from now. */
function certificateOf(view: View, serialNumber: string, sinceMs = -HOUR_MS): SecretObservation {
  const names = view.bundles[0]?.names;
  const begins = Date.now() + sinceMs;
  const certificate: CertificateFacts = {
    serialNumber,
    issuerName: 'Test CA',
    notBefore: new Date(begins).toISOString(),
    notAfter: new Date(begins + 90 * 24 * HOUR_MS).toISOString(),
    dnsNames: names?.kind === 'valid' ? names.dnsNames : [],
    fingerprint: `fingerprint of ${serialNumber}`,
    certId: `id.${serialNumber}`,
  };
  return { kind: 'valid', certificate };
}
