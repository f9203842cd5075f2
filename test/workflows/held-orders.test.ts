/** What holds an order back, and when one that failed is attempted again. */
import { describe, expect, test } from 'vitest';
import { lastAttemptOf } from '../../src/contract/bundle-record.ts';
import { clusterObserved, dependencyChanged, renew } from '../../src/contract/cluster-certificates.ts';
import { renewalWithdrawn } from '../../src/contract/renewal-withdrawal.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { activityFailure } from '../support/workflows/activity-doubles.ts';
import { bundleView, clusterView } from '../support/workflows/cluster-views.ts';
import {
  begun,
  certificateOf,
  evaluateAgain,
  handleOf,
  issuedAndReady,
  record,
  type View,
} from '../support/workflows/primary-bundle.ts';
import { useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const HOUR_MS = 3_600_000;

const withHarness = useWorkflowHarness();

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
    doubles.failOrders('acme/unreachable', 'The CA does not answer.');
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
    doubles.failOrders('acme/unreachable', 'The CA does not answer.');
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
