import { WorkflowUpdateFailedError } from '@temporalio/client';
import { describe, expect, test } from 'vitest';
import { clusterObserved, dependencyChanged, renew } from '../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../src/contract/ids.ts';
import { CertState } from '../../src/contract/search-attributes.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { activityFailure, retryableFailure } from '../support/workflows/activity-doubles.ts';
import { bundleView, clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness } from '../support/workflows/use-harness.ts';

const withHarness = useWorkflowHarness();

describe('a cluster that is served', () => {
  test('gets its certificate, and the records it needed are withdrawn', async () => {
    await withHarness(async (harness) => {
      const view = clusterView();
      await harness.start(view);
      const status = await untilReady(harness, view);
      expect(status.bundles['primary']?.certificate?.serialNumber).toBe('1000');
      await eventually(
        'withdrawn',
        async () => harness.doubles.published.size,
        (size) => size === 0,
      );
      await eventually(
        'reported',
        async () => harness.doubles.reports,
        (reports) => reports.length === 1,
      );
      expect(harness.doubles.reports[0]).toMatchObject({ state: 'Ready', event: { reason: 'Issued' } });
    });
  });

  test('orders nothing when its Secret already holds a good certificate', async () => {
    await withHarness(async (harness) => {
      const now = Date.now();
      harness.doubles.secrets.set('primary-cert', {
        kind: 'valid',
        certificate: {
          serialNumber: '7',
          issuerName: 'Test CA',
          notBefore: new Date(now - 86_400_000).toISOString(),
          notAfter: new Date(now + 80 * 86_400_000).toISOString(),
          dnsNames: ['api.c1.example.com', '*.apps.c1.example.com'],
          fingerprint: 'f',
        },
      });
      const view = clusterView();
      await harness.start(view);
      await untilReady(harness, view);
      expect(harness.doubles.countOf('placeOrder')).toBe(0);
    });
  });

  test('has a certificate for each bundle; a failing bundle does not delay the other', async () => {
    await withHarness(async (harness) => {
      const view = clusterView({
        bundles: [bundleView('good', 'api.a.example.com'), bundleView('bad', 'api.b.example.com')],
      });
      harness.doubles.override('placeOrder', async (input) => {
        if (input.dnsNames[0] === 'api.b.example.com')
          throw activityFailure('acme/rejectedIdentifier', 'the CA refuses api.b');
        return { orderUrl: 'https://ca.test/order/good', expires: '', caHost: 'ca.test', challenges: [] };
      });
      await harness.start(view);
      await untilReady(harness, view, 'good');
      const status = await eventually(
        'bad waits',
        () => harness.status(view),
        (seen) => seen.bundles['bad']?.state === 'Waiting',
      );
      expect(status.bundles['bad']).toMatchObject({
        lastAttempt: { failure: { code: 'acme/rejectedIdentifier' } },
        nextAttempt: expect.any(String) as string,
      });
    });
  });

  test('gets another certificate when a name is added, and keeps it when a name is removed', async () => {
    await withHarness(async (harness) => {
      const view = clusterView({ bundles: [bundleView('primary', 'api.a.example.com', 'b.example.com')] });
      const handle = await harness.start(view);
      await untilReady(harness, view);
      await handle.signal(clusterObserved, { ...view, bundles: [bundleView('primary', 'api.a.example.com')] });
      await handle.signal(clusterObserved, {
        ...view,
        bundles: [bundleView('primary', 'api.a.example.com', 'c.example.com')],
      });
      await eventually(
        'second certificate',
        async () => harness.doubles.issued,
        (issued) => issued.length === 2,
      );
      expect(harness.doubles.issued[1]?.dnsNames).toEqual(['api.a.example.com', 'c.example.com']);
    });
  });

  test('revokes the certificate of a removed bundle, and keeps the others', async () => {
    await withHarness(async (harness) => {
      const view = clusterView({ bundles: [bundleView('one', 'a.example.com'), bundleView('two', 'b.example.com')] });
      const handle = await harness.start(view);
      await untilReady(harness, view, 'one');
      await untilReady(harness, view, 'two');
      await handle.signal(clusterObserved, { ...view, bundles: [bundleView('one', 'a.example.com')] });
      const status = await eventually(
        'two is gone',
        () => harness.status(view),
        (seen) => seen.bundles['two'] === undefined,
      );
      expect(status.bundles['one']?.state).toBe('Ready');
      expect(harness.doubles.countOf('revokeCertificates')).toBe(1);
      expect(harness.doubles.countOf('removeFinalizer')).toBe(0);
    });
  });

  test('cancels an order when its names change, and orders the new ones', async () => {
    await withHarness(async (harness) => {
      const view = clusterView({ bundles: [bundleView('primary', 'wrong.example.com')] });
      let misses = 0;
      harness.doubles.override('verifyPropagation', async ({ records }) => {
        if (!records[0]?.name.includes('wrong')) return { seenBy: ['resolver.test'] };
        misses += 1;
        throw retryableFailure();
      });
      const handle = await harness.start(view);
      await eventually(
        'an evaluation that found nothing',
        async () => misses,
        (count) => count > 0,
      );
      await handle.signal(clusterObserved, { ...view, bundles: [bundleView('primary', 'right.example.com')] });
      await untilReady(harness, view);
      expect(harness.doubles.issued.map((facts) => facts.dnsNames[0])).toEqual(['right.example.com']);
      expect([...harness.doubles.published]).toEqual([]);
    });
  });

  test('waits while a gate is closed, and continues when it opens', async () => {
    await withHarness(async (harness) => {
      const view = clusterView();
      harness.doubles.override('placeOrder', async () => {
        throw activityFailure('acme/accountMissing', 'no account');
      });
      const handle = await harness.start(view);
      await eventually(
        'waiting',
        () => harness.status(view),
        (seen) => seen.bundles['primary']?.state === 'Waiting',
      );
      await handle.signal(clusterObserved, { ...view, paused: true });
      await eventually(
        'paused',
        () => harness.status(view),
        (seen) => seen.bundles['primary']?.state === 'Paused',
      );
      harness.doubles.override('placeOrder', undefined);
      await handle.signal(clusterObserved, view);
      await untilReady(harness, view);
    });
  });
});

describe('a failure', () => {
  test('of configuration waits, and is retried at once when a dependency changes', async () => {
    await withHarness(async (harness) => {
      const view = clusterView();
      harness.doubles.override('placeOrder', async () => {
        throw activityFailure('acme/accountMissing', 'The Secret lets-encrypt-account is missing.');
      });
      const handle = await harness.start(view);
      await eventually(
        'waiting',
        () => harness.status(view),
        (seen) => seen.bundles['primary']?.state === 'Waiting',
      );
      const [report] = await eventually(
        'reported',
        async () => harness.doubles.reports,
        (reports) => reports.length > 0,
      );
      expect(report?.conditions.find((condition) => condition.type === 'Ready')).toMatchObject({
        status: 'False',
        reason: 'AcmeAccountMissing',
      });
      expect(report?.event).toMatchObject({ type: 'Warning' });
      harness.doubles.override('placeOrder', undefined);
      await handle.signal(dependencyChanged, { what: 'Secret certman-operator/lets-encrypt-account' });
      await untilReady(harness, view);
    });
  });

  test('after an order was placed has the next attempt resume the order', async () => {
    await withHarness(async (harness) => {
      const view = clusterView();
      harness.doubles.override('publishTxtRecords', async () => {
        throw activityFailure('dns/accessDenied', 'AccessDenied');
      });
      const handle = await harness.start(view);
      await eventually(
        'waiting',
        () => harness.status(view),
        (seen) => seen.bundles['primary']?.state === 'Waiting',
      );
      harness.doubles.override('publishTxtRecords', undefined);
      await handle.signal(dependencyChanged, { what: 'credentials' });
      await untilReady(harness, view);
      const orders = harness.doubles.calls.filter((call) => call.activity === 'placeOrder').map((call) => call.input);
      expect(orders).toHaveLength(2);
      expect(orders[1]).toMatchObject({ resume: 'https://ca.test/order/1' });
    });
  });

  test('with notBefore is not retried before it, whatever changes meanwhile', async () => {
    await withHarness(async (harness) => {
      const view = clusterView();
      harness.doubles.override('placeOrder', async () => {
        throw activityFailure('acme/rateLimited', 'too many', new Date(Date.now() + 3_600_000));
      });
      const handle = await harness.start(view);
      await eventually(
        'failing',
        () => harness.status(view),
        (seen) => seen.bundles['primary']?.state === 'Failing',
      );
      await handle.signal(dependencyChanged, { what: 'something' });
      // The query is processed after the signal: the bundle still sleeps.
      const status = await harness.status(view);
      expect(status.bundles['primary']?.state).toBe('Failing');
      expect(harness.doubles.countOf('placeOrder')).toBe(1);
    });
  });
});

describe('an operator', () => {
  test('who renews gets the new certificate', async () => {
    await withHarness(async (harness) => {
      const view = clusterView();
      const handle = await harness.start(view);
      await untilReady(harness, view);
      const renewed = await handle.executeUpdate(renew, { args: [{}] });
      expect(renewed.map((one) => one.certificate.serialNumber)).toEqual(['1001']);
    });
  });

  test('gets the failure of the renewal', async () => {
    await withHarness(async (harness) => {
      const view = clusterView();
      const handle = await harness.start(view);
      await untilReady(harness, view);
      harness.doubles.override('placeOrder', async () => {
        throw activityFailure(
          'acme/rateLimited',
          'too many certificates already issued',
          new Date(Date.now() + 3_600_000),
        );
      });
      const refusal = await handle.executeUpdate(renew, { args: [{}] }).catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(WorkflowUpdateFailedError);
      expect(String((refusal as WorkflowUpdateFailedError).cause?.message)).toContain('too many certificates');
      const status = await harness.status(view);
      expect(status.bundles['primary']?.certificate?.serialNumber).toBe('1000');
    });
  });

  test('gets a failure at once while the CA allows no attempt', async () => {
    await withHarness(async (harness) => {
      const view = clusterView();
      const handle = await harness.start(view);
      await untilReady(harness, view);
      harness.doubles.override('placeOrder', async () => {
        throw activityFailure('acme/rateLimited', 'too many', new Date(Date.now() + 3_600_000));
      });
      await handle.executeUpdate(renew, { args: [{}] }).catch(() => undefined);
      const again = await handle.executeUpdate(renew, { args: [{}] }).catch((error: unknown) => error);
      expect(String((again as WorkflowUpdateFailedError).cause?.message)).toContain('too many');
      expect(harness.doubles.countOf('placeOrder')).toBe(2);
    });
  });

  test('gets a failure when a gate closes before the renewal is done', async () => {
    await withHarness(async (harness) => {
      const view = clusterView();
      const handle = await harness.start(view);
      await untilReady(harness, view);
      let misses = 0;
      harness.doubles.override('verifyPropagation', async () => {
        misses += 1;
        throw retryableFailure();
      });
      const asked = handle.executeUpdate(renew, { args: [{}] }).catch((error: unknown) => error);
      await eventually(
        'under way',
        async () => misses,
        (count) => count > 0,
      );
      await handle.signal(clusterObserved, { ...view, managed: false });
      expect(await asked).toBeInstanceOf(WorkflowUpdateFailedError);
      expect((await harness.status(view)).bundles['primary']).toMatchObject({
        state: 'Paused',
        certificate: { serialNumber: '1000' },
      });
    });
  });

  test('who names an unknown bundle gets the list of bundles', async () => {
    await withHarness(async (harness) => {
      const view = clusterView();
      const handle = await harness.start(view);
      await untilReady(harness, view);
      const refusal = await handle
        .executeUpdate(renew, { args: [{ bundleName: 'nope' }] })
        .catch((error: unknown) => error);
      expect(String((refusal as WorkflowUpdateFailedError).cause?.message)).toContain('primary');
    });
  });
});

test('the fleet can be searched by state', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    await harness.start(view);
    await untilReady(harness, view);
    await eventually(
      'listed',
      async () =>
        await harness.env.client.workflow.count(
          `${CertState.name} = 'Ready' AND WorkflowId = '${clusterWorkflowId(view.identity)}'`,
        ),
      (answer) => answer.count === 1,
    );
  });
});

test('a renewal continues as new and loses nothing', async () => {
  await withHarness(async (harness) => {
    const view = clusterView();
    const handle = await harness.start(view);
    await untilReady(harness, view);
    const first = await handle.describe();
    await handle.executeUpdate(renew, { args: [{}] });
    const second = await eventually(
      'another run',
      async () => await harness.env.client.workflow.getHandle(clusterWorkflowId(view.identity)).describe(),
      (now) => now.runId !== first.runId && now.status.name === 'RUNNING',
    );
    expect(second.historyLength).toBeLessThan(15);
    const status = await eventually(
      'answers',
      () => harness.status(view),
      () => true,
    );
    expect(status.bundles['primary']).toMatchObject({
      state: 'Ready',
      certificate: { serialNumber: '1001' },
      orders: 2,
    });
    expect(harness.doubles.countOf('placeOrder')).toBe(2);
  });
});
