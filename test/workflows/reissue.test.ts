/** Orders for other reasons than the renewal time, their inputs, and what delays them. */
import { describe, expect, test } from 'vitest';
import type { CertificateFacts, SecretObservation } from '../../src/certificates/certificate-facts.ts';
import type { PlaceOrderInput } from '../../src/contract/activities/acme.ts';
import {
  type BundleRecord,
  failedAttemptsOf,
  failureOf,
  lastAttemptOf,
  nextAttemptOf,
  renewalTimeOf,
} from '../../src/contract/bundle-record.ts';
import {
  certificateRevoked,
  clusterObserved,
  dependencyChanged,
  renew,
  renewalWindowChanged,
} from '../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../src/contract/ids.ts';
import { renewalWithdrawn } from '../../src/contract/renewal-withdrawal.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { activityFailure } from '../support/workflows/activity-doubles.ts';
import { bundleView, clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const HOUR_MS = 3_600_000;

const withHarness = useWorkflowHarness();

type View = ReturnType<typeof clusterView>;

async function begun(harness: WorkflowHarness): Promise<View> {
  const view = clusterView();
  await harness.start(view);
  await untilReady(harness, view);
  return view;
}

type SummarizedRecord = BundleRecord & ReturnType<typeof summaryOf>;

function summaryOf(found: BundleRecord) {
  return {
    failure: failureOf(found),
    failedAttempts: failedAttemptsOf(found),
    nextAttempt: nextAttemptOf(found),
    renewalTime: renewalTimeOf(found),
  };
}

async function record(harness: WorkflowHarness, view: View): Promise<SummarizedRecord> {
  const found = (await harness.status(view)).bundles['primary'];
  if (found === undefined) throw new Error('no record');
  return { ...found, ...summaryOf(found) } as SummarizedRecord;
}

/** Waits until this many certificates were issued and the bundle is Ready. */
async function issuedAndReady(harness: WorkflowHarness, view: View, count: number): Promise<SummarizedRecord> {
  await eventually(
    `certificate ${count}`,
    async () => harness.doubles.issued.length,
    (found) => found === count,
  );
  await eventually(
    'Ready',
    () => record(harness, view),
    (found) => found.state === 'Ready' && found.certificate?.serialNumber === String(999 + count),
  );
  return await record(harness, view);
}

function handleOf(harness: WorkflowHarness, view: View) {
  return harness.env.client.workflow.getHandle(clusterWorkflowId(view.identity));
}

/** Signals a change, and waits for the evaluation. */
async function evaluateAgain(harness: WorkflowHarness, view: View): Promise<void> {
  const before = harness.doubles.countOf('applyCertificateRequest');
  await handleOf(harness, view).signal(dependencyChanged, { what: 'a test' });
  await eventually(
    'evaluated',
    async () => harness.doubles.countOf('applyCertificateRequest'),
    (count) => count > before,
  );
}

function lastOrder(harness: WorkflowHarness): PlaceOrderInput {
  return harness.doubles.calls.findLast(({ activity }) => activity === 'placeOrder')?.input as PlaceOrderInput;
}

const window = (certId: string, startMs: number, endMs: number) => ({
  certId,
  start: new Date(Date.now() + startMs).toISOString(),
  end: new Date(Date.now() + endMs).toISOString(),
});

describe('a window that the CA moved', () => {
  test('into the past has the certificate replaced at once, by an order with `replaces`', async () => {
    await withHarness(async (harness) => {
      const view = await begun(harness);
      const { certificate } = await record(harness, view);
      expect(lastOrder(harness).replaces).toBeUndefined();
      expect(lastOrder(harness).moreUrgentAt).toBeUndefined();
      await handleOf(harness, view).signal(renewalWindowChanged, {
        bundleName: 'primary',
        window: window(certificate?.certId ?? '', -2 * HOUR_MS, -HOUR_MS),
      });
      const after = await issuedAndReady(harness, view, 2);
      expect(lastOrder(harness).replaces).toBe(certificate?.certId);
      // A wait for a limit ends once the expiry is near.
      expect(lastOrder(harness).moreUrgentAt).toBeDefined();
      expect(after.suggestedWindow).toBeUndefined();
      await expect.poll(() => harness.doubles.reports.map(({ event }) => event?.reason)).toContain('Renewed');
    });
  });

  test('a window of a replaced certificate changes nothing', async () => {
    await withHarness(async (harness) => {
      const view = await begun(harness);
      const stale = window((await record(harness, view)).certificate?.certId ?? '', -2 * HOUR_MS, -HOUR_MS);
      const outdated = { bundleName: 'primary', window: stale };
      await handleOf(harness, view).signal(renewalWindowChanged, outdated);
      await issuedAndReady(harness, view, 2);
      await handleOf(harness, view).signal(renewalWindowChanged, outdated);
      await evaluateAgain(harness, view);
      expect(harness.doubles.issued).toHaveLength(2);
    });
  });

  test('to an earlier day moves the renewal there, and back when it moves back', async () => {
    await withHarness(async (harness) => {
      const view = await begun(harness);
      const { certificate, renewalTime: planned } = await record(harness, view);
      const soon = window(certificate?.certId ?? '', 10 * HOUR_MS, 12 * HOUR_MS);
      await handleOf(harness, view).signal(renewalWindowChanged, { bundleName: 'primary', window: soon });
      const moved = await eventually(
        'moved',
        () => record(harness, view),
        ({ renewalTime }) => renewalTime !== planned,
      );
      expect(Date.parse(moved.renewalTime ?? '')).toBeGreaterThanOrEqual(Date.parse(soon.start));
      expect(Date.parse(moved.renewalTime ?? '')).toBeLessThanOrEqual(Date.parse(soon.end));
      await eventually(
        'reported',
        async () => harness.doubles.reports.at(-1)?.suggestedWindow,
        (reported) => reported?.start === soon.start && reported.end === soon.end,
      );
      const late = window(certificate?.certId ?? '', 60 * 24 * HOUR_MS, 61 * 24 * HOUR_MS);
      await handleOf(harness, view).signal(renewalWindowChanged, { bundleName: 'primary', window: late });
      await eventually(
        'back',
        () => record(harness, view),
        ({ renewalTime }) => renewalTime === planned,
      );
      expect(harness.doubles.issued).toHaveLength(1);
    });
  });
});

test('a signal before the first task of a run is evaluated, although the run sleeps on', async () => {
  await withHarness(async (harness) => {
    const view = await begun(harness);
    const { bundles } = await harness.status(view);
    await handleOf(harness, view).terminate('its state goes on in another run');
    harness.doubles.secrets.delete('primary-cert');
    // As after continue-as-new, during the second for which the server delays the first task.
    await harness.env.client.workflow.signalWithStart('clusterCertificates', {
      workflowId: clusterWorkflowId(view.identity),
      taskQueue: harness.taskQueue,
      args: [{ cluster: view, carried: { bundles, gone: false } }],
      signal: dependencyChanged,
      signalArgs: [{ what: 'The Secret was deleted.' }],
    });
    await issuedAndReady(harness, view, 2);
  });
});

test('a revoked certificate is replaced; a revocation of a replaced one is ignored', async () => {
  await withHarness(async (harness) => {
    const view = await begun(harness);
    await handleOf(harness, view).signal(certificateRevoked, { bundleName: 'primary', serialNumber: '4711' });
    await evaluateAgain(harness, view);
    expect(harness.doubles.issued).toHaveLength(1);
    await handleOf(harness, view).signal(certificateRevoked, { bundleName: 'primary', serialNumber: '1000' });
    expect((await issuedAndReady(harness, view, 2)).revokedSerialNumber).toBeUndefined();
  });
});

test.each(['it is not due', 'it is revoked', 'its Secret is missing', 'an operator asks'])(
  'a change of the CA that is not allowed replaces and orders nothing: %s',
  async (situation) => {
    await withHarness(async (harness) => {
      const view = await begun(harness);
      const { certificate } = await record(harness, view);
      harness.doubles.caHost = 'another-ca.test';
      if (situation === 'it is revoked') {
        const serialNumber = certificate?.serialNumber ?? '';
        await handleOf(harness, view).signal(certificateRevoked, { bundleName: 'primary', serialNumber });
      }
      if (situation === 'its Secret is missing') harness.doubles.secrets.delete('primary-cert');
      if (situation === 'an operator asks') {
        const update = handleOf(harness, view).executeUpdate(renew, { args: [{}] });
        await expect(update).rejects.toMatchObject({
          cause: { message: expect.stringContaining('ca.test') as string },
        });
      } else {
        await handleOf(harness, view).signal(dependencyChanged, { what: 'The account Secret changed.' });
      }
      const kept = await eventually(
        'kept',
        () => record(harness, view),
        ({ state }) => state === 'Waiting',
      );
      expect(kept.failure?.code).toBe('acme/caChanged');
      expect(kept.message).toContain('CERTMAN_ALLOW_CA_CHANGE_TO=another-ca.test');
      expect(kept.caHost).toBe('ca.test');
      await eventually(
        'reported',
        async () => harness.doubles.reports.at(-1)?.conditions ?? [],
        (conditions) => conditions.some(({ type, reason }) => type === 'Failing' && reason === 'AcmeCaChanged'),
      );
      expect(harness.doubles.countOf('placeOrder')).toBe(1);

      harness.doubles.caHost = 'ca.test';
      await handleOf(harness, view).signal(dependencyChanged, { what: 'The account Secret changed.' });
      const restored = await eventually(
        'Ready',
        () => record(harness, view),
        ({ state }) => state === 'Ready',
      );
      const isReplaced = situation !== 'it is not due';
      expect(restored.certificate?.serialNumber === certificate?.serialNumber).toBe(!isReplaced);
    });
  },
);

test('a workflow that has lost its record keeps a certificate of the CA that the status of the request names', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    harness.doubles.secrets.set('primary-cert', certificateOf(view, '77'));
    harness.doubles.issuedByCaHost = 'ca.test';
    harness.doubles.caHost = 'another-ca.test';
    await harness.start(view);
    const kept = await eventually(
      'kept',
      () => record(harness, view),
      ({ state }) => state === 'Waiting',
    );
    expect(kept).toMatchObject({ failure: { code: 'acme/caChanged' }, caHost: 'ca.test' });
    expect(harness.doubles.countOf('placeOrder')).toBe(0);
  });
});

test('an order for other names has `replaces` only where one of them is in common', async () => {
  await withHarness(async (harness) => {
    const view = await begun(harness);
    const { certificate } = await record(harness, view);
    const withNames = (...names: readonly string[]) => ({ ...view, bundles: [bundleView('primary', ...names)] });
    await handleOf(harness, view).signal(clusterObserved, withNames('api.c1.example.com', 'new.c1.example.com'));
    await issuedAndReady(harness, view, 2);
    expect(lastOrder(harness).replaces).toBe(certificate?.certId);
    await handleOf(harness, view).signal(clusterObserved, withNames('api.c2.example.com'));
    await issuedAndReady(harness, view, 3);
    expect(lastOrder(harness)).toMatchObject({ dnsNames: ['api.c2.example.com'], inUse: true });
    expect(lastOrder(harness).replaces).toBeUndefined();
  });
});

test('an allowed change of the CA replaces the certificate, by an order without `replaces`', async () => {
  await withHarness(async (harness) => {
    const view = await begun(harness);
    harness.doubles.caHost = 'another-ca.test';
    harness.doubles.caChangeAllowed = true;
    await evaluateAgain(harness, view);
    expect((await issuedAndReady(harness, view, 2)).caHost).toBe('another-ca.test');
    expect(lastOrder(harness).replaces).toBeUndefined();
    await evaluateAgain(harness, view);
    expect(harness.doubles.issued).toHaveLength(2);
  });
});

describe('the limit on one set of names', () => {
  test('limits orders after repeated deletions of the Secret, reports until when, and limits neither other names nor another CA', async () => {
    await withHarness(async (harness) => {
      const view = await begun(harness);
      for (let count = 2; count <= 5; count += 1) {
        harness.doubles.secrets.delete('primary-cert');
        await handleOf(harness, view).signal(dependencyChanged, { what: 'The Secret was deleted.' });
        await issuedAndReady(harness, view, count);
      }
      harness.doubles.secrets.delete('primary-cert');
      await handleOf(harness, view).signal(dependencyChanged, { what: 'The Secret was deleted.' });
      const held = await eventually(
        'held',
        () => record(harness, view),
        ({ state }) => state === 'Failing',
      );
      expect(held.failure?.code).toBe('rateLimit/exactSet');
      expect(Date.parse(held.nextAttempt ?? '') - Date.now()).toBeGreaterThan(HOUR_MS);
      expect(held.message).toContain(held.nextAttempt ?? 'an instant');
      await evaluateAgain(harness, view);
      expect(harness.doubles.issued).toHaveLength(5);
      harness.doubles.caHost = 'another-ca.test';
      harness.doubles.caChangeAllowed = true;
      await handleOf(harness, view).signal(dependencyChanged, { what: 'The account Secret changed.' });
      expect((await issuedAndReady(harness, view, 6)).caHost).toBe('another-ca.test');
      harness.doubles.caHost = 'ca.test';
      await handleOf(harness, view).signal(dependencyChanged, { what: 'The account Secret changed.' });
      await eventually(
        'held again',
        () => record(harness, view),
        ({ failure }) => failure?.code === 'rateLimit/exactSet',
      );
      const renamed = { ...view, bundles: [bundleView('primary', 'other.example.com')] };
      await handleOf(harness, view).signal(clusterObserved, renamed);
      await issuedAndReady(harness, view, 7);
    });
  });
});

describe('before notBefore', () => {
  async function forbidden(harness: WorkflowHarness): Promise<View> {
    const view = clusterView();
    harness.doubles.override('placeOrder', () =>
      Promise.reject(activityFailure('acme/rateLimited', 'too many orders', new Date(Date.now() + 5 * HOUR_MS))),
    );
    await harness.start(view);
    await eventually(
      'held',
      () => record(harness, view),
      ({ state }) => state === 'Failing',
    );
    harness.doubles.override('placeOrder', undefined);
    return view;
  }

  test('a certificate that another writer installs is used', async () => {
    await withHarness(async (harness) => {
      const view = await forbidden(harness);
      harness.doubles.secrets.set('primary-cert', certificateOf(view, '77'));
      await handleOf(harness, view).signal(dependencyChanged, { what: 'The Secret was restored.' });
      const ready = await eventually(
        'Ready',
        () => record(harness, view),
        ({ state }) => state === 'Ready',
      );
      expect(ready).toMatchObject({ failedAttempts: 0, certificate: { serialNumber: '77' } });
      expect(harness.doubles.issued).toHaveLength(0);
    });
  });

  test('the request is still applied, and nothing is ordered', async () => {
    await withHarness(async (harness) => {
      const view = await forbidden(harness);
      const orders = harness.doubles.countOf('placeOrder');
      await evaluateAgain(harness, view);
      expect(harness.doubles.countOf('placeOrder')).toBe(orders);
      expect(await record(harness, view)).toMatchObject({ state: 'Failing', failedAttempts: 1 });
    });
  });

  test('another CA is used at once, and its Retry-After applies from then on', async () => {
    await withHarness(async (harness) => {
      const view = await forbidden(harness);
      const orders = harness.doubles.countOf('placeOrder');
      harness.doubles.caHost = 'another-ca.test';
      const until = new Date(Date.now() + 3 * HOUR_MS);
      harness.doubles.override('placeOrder', () =>
        Promise.reject(activityFailure('acme/rateLimited', 'here too', until)),
      );
      await handleOf(harness, view).signal(dependencyChanged, { what: 'The account Secret changed.' });
      await eventually(
        'held by the other CA',
        () => record(harness, view),
        ({ failure }) => failure?.notBefore === until.toISOString(),
      );
      harness.doubles.override('placeOrder', undefined);
      await evaluateAgain(harness, view);
      expect(harness.doubles.countOf('placeOrder')).toBe(orders + 1);
      harness.doubles.caHost = 'ca.test';
      await handleOf(harness, view).signal(dependencyChanged, { what: 'The account Secret changed.' });
      expect(lastAttemptOf(await issuedAndReady(harness, view, 1))).toBeUndefined();
    });
  });

  test('other names are ordered at once', async () => {
    await withHarness(async (harness) => {
      const view = await forbidden(harness);
      await handleOf(harness, view).signal(clusterObserved, {
        ...view,
        bundles: [bundleView('primary', 'other.example.com')],
      });
      await issuedAndReady(harness, view, 1);
    });
  });
});

test('a cluster that keeps changing after failed challenges is not retried at every change, but at a renew update', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    harness.doubles.override('answerChallenges', () =>
      Promise.reject(activityFailure('acme/challengeFailed', 'no TXT record')),
    );
    const handle = await harness.start(view);
    const failed = await eventually(
      'failed',
      () => record(harness, view),
      ({ failedAttempts }) => failedAttempts === 1,
    );
    for (const limitedSupport of [true, false, true]) {
      const before = harness.doubles.countOf('applyCertificateRequest');
      await handle.signal(clusterObserved, { ...view, limitedSupport });
      await eventually(
        'evaluated',
        async () => harness.doubles.countOf('applyCertificateRequest'),
        (count) => count > before,
      );
    }
    expect(await record(harness, view)).toMatchObject({ failedAttempts: 1, nextAttempt: failed.nextAttempt });
    expect(harness.doubles.countOf('answerChallenges')).toBe(1);
    harness.doubles.override('answerChallenges', undefined);
    await handleOf(harness, view).executeUpdate(renew, { args: [{}] });
    await issuedAndReady(harness, view, 1);
  });
});

test('a requested renewal that fails is attempted again, also in a new request, until another certificate is in the Secret', async () => {
  await withHarness(async (harness) => {
    const view = await begun(harness);
    const { doubles } = harness;
    doubles.override('placeOrder', () =>
      Promise.reject(activityFailure('acme/unreachable', 'The CA does not answer.')),
    );
    const fail = () =>
      expect(handleOf(harness, view).executeUpdate(renew, { args: [{}] })).rejects.toMatchObject({
        cause: { type: 'acme/unreachable' },
      });
    await fail();
    const { renewalRequest: first } = await record(harness, view);
    await fail();
    const failed = await record(harness, view);
    expect(failed).toMatchObject({ state: 'Failing', failure: { code: 'acme/unreachable' } });
    expect(failed.renewalRequest).toMatchObject({ requestedAt: first?.requestedAt, serialNumber: '1000' });
    await eventually(
      'shown',
      async () => doubles.reports.at(-1)?.conditions.find(({ type }) => type === 'Renewing'),
      (renewing) => renewing?.reason === 'Requested',
    );
    doubles.override('placeOrder', undefined);
    await handleOf(harness, view).signal(dependencyChanged, { what: 'a test' });
    expect((await issuedAndReady(harness, view, 2)).renewalRequest).toBeUndefined();
    await evaluateAgain(harness, view);
    expect(doubles.issued).toHaveLength(2);
  });
});

test('a requested renewal that is withdrawn is attempted no more, and the certificate is Ready again', async () => {
  await withHarness(async (harness) => {
    const view = await begun(harness);
    const { doubles } = harness;
    doubles.override('placeOrder', () =>
      Promise.reject(activityFailure('acme/unreachable', 'The CA does not answer.')),
    );
    const handle = handleOf(harness, view);
    await expect(handle.executeUpdate(renew, { args: [{}] })).rejects.toMatchObject({
      cause: { type: 'acme/unreachable' },
    });
    for (const bundleNames of [undefined, 'primary', [7], ['other']])
      await handle.signal(renewalWithdrawn, { bundleNames } as never);
    expect((await record(harness, view)).renewalRequest?.withdrawnAt).toBeUndefined();
    await handle.signal(renewalWithdrawn, { bundleNames: ['primary'] });
    const { renewalRequest } = await eventually(
      'ready',
      () => record(harness, view),
      ({ state }) => state === 'Ready',
    );
    expect(renewalRequest?.withdrawnAt).toBeDefined();
    // The record is changed before it is reported.
    await harness.untilAsleep(view);
    expect(doubles.reports.map(({ event }) => event?.reason)).toContain('RenewalRequestWithdrawn');
    expect(doubles.reports.at(-1)?.conditions.find(({ type }) => type === 'Renewing')).toMatchObject({
      reason: 'RequestWithdrawn',
    });
    doubles.override('placeOrder', undefined);
    await evaluateAgain(harness, view);
    expect(doubles.issued).toHaveLength(1);
  });
});

test('an adopted certificate is revoked by the decommission, even after its renewal', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    const adopted = certificateOf(view, '77', -50 * 24 * HOUR_MS);
    harness.doubles.secrets.set('primary-cert', adopted);
    const handle = await harness.start(view);
    const renewed = await issuedAndReady(harness, view, 1);
    expect(renewed.issued.map(({ serialNumber, leaf }) => [serialNumber, leaf])).toEqual([
      ['77', 'leaf of 77'],
      ['1000', undefined],
    ]);
    await handle.signal(clusterObserved, { ...view, deleting: true });
    const result = await handle.result();
    expect(result.bundles[0]?.revocations.map(({ serialNumber }) => serialNumber)).toEqual(['77', '1000']);
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
