import { WorkflowUpdateFailedError } from '@temporalio/client';
import { describe, expect, test } from 'vitest';
import { clusterObserved, dependencyChanged, renew } from '../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../src/contract/ids.ts';
import { CertState } from '../../src/contract/search-attributes.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { activityFailure, retryableFailure } from '../support/workflows/activity-doubles.ts';
import { bundleView, clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness } from '../support/workflows/use-harness.ts';

const withLab = useWorkflowHarness();

describe('a cluster that is served', () => {
  test('gets its certificate, and the records it needed are withdrawn', async () => {
    await withLab(async (lab) => {
      const view = clusterView();
      await lab.start(view);
      const status = await untilReady(lab, view);
      expect(status.bundles['primary']?.certificate?.serialNumber).toBe('1000');
      await eventually(
        'withdrawn',
        async () => lab.doubles.published.size,
        (size) => size === 0,
      );
      await eventually(
        'reported',
        async () => lab.doubles.reports,
        (reports) => reports.length === 1,
      );
      expect(lab.doubles.reports[0]).toMatchObject({ state: 'Ready', event: { reason: 'Issued' } });
    });
  });

  test('is left alone when its Secret already holds a good certificate', async () => {
    await withLab(async (lab) => {
      const now = Date.now();
      lab.doubles.secrets.set('primary-cert', {
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
      await lab.start(view);
      await untilReady(lab, view);
      expect(lab.doubles.countOf('placeOrder')).toBe(0);
    });
  });

  test('has a certificate for each bundle, one failing without holding the other up', async () => {
    await withLab(async (lab) => {
      const view = clusterView({
        bundles: [bundleView('good', 'api.a.example.com'), bundleView('bad', 'api.b.example.com')],
      });
      lab.doubles.override('placeOrder', async (input) => {
        if (input.dnsNames[0] === 'api.b.example.com')
          throw activityFailure('acme/rejectedIdentifier', 'the CA refuses api.b');
        return { orderUrl: 'https://ca.test/order/good', expires: '', caHost: 'ca.test', challenges: [] };
      });
      await lab.start(view);
      await untilReady(lab, view, 'good');
      const status = await eventually(
        'bad waits',
        () => lab.status(view),
        (seen) => seen.bundles['bad']?.state === 'Waiting',
      );
      expect(status.bundles['bad']).toMatchObject({
        lastAttempt: { failure: { code: 'acme/rejectedIdentifier' } },
        nextAttempt: expect.any(String) as string,
      });
    });
  });

  test('gets another certificate when a name is added, and keeps its own when one is taken away', async () => {
    await withLab(async (lab) => {
      const view = clusterView({ bundles: [bundleView('primary', 'api.a.example.com', 'b.example.com')] });
      const handle = await lab.start(view);
      await untilReady(lab, view);
      await handle.signal(clusterObserved, { ...view, bundles: [bundleView('primary', 'api.a.example.com')] });
      await handle.signal(clusterObserved, {
        ...view,
        bundles: [bundleView('primary', 'api.a.example.com', 'c.example.com')],
      });
      await eventually(
        'second certificate',
        async () => lab.doubles.issued,
        (issued) => issued.length === 2,
      );
      expect(lab.doubles.issued[1]?.dnsNames).toEqual(['api.a.example.com', 'c.example.com']);
    });
  });

  test('has the certificate of a bundle that is taken away revoked, and serves the others on', async () => {
    await withLab(async (lab) => {
      const view = clusterView({ bundles: [bundleView('one', 'a.example.com'), bundleView('two', 'b.example.com')] });
      const handle = await lab.start(view);
      await untilReady(lab, view, 'one');
      await untilReady(lab, view, 'two');
      await handle.signal(clusterObserved, { ...view, bundles: [bundleView('one', 'a.example.com')] });
      const status = await eventually(
        'two is gone',
        () => lab.status(view),
        (seen) => seen.bundles['two'] === undefined,
      );
      expect(status.bundles['one']?.state).toBe('Ready');
      expect(lab.doubles.countOf('revokeCertificates')).toBe(1);
      expect(lab.doubles.countOf('removeFinalizer')).toBe(0);
    });
  });

  test('cuts an order short when the names it is for change, and orders the new ones', async () => {
    await withLab(async (lab) => {
      const view = clusterView({ bundles: [bundleView('primary', 'wrong.example.com')] });
      let misses = 0;
      lab.doubles.override('verifyPropagation', async ({ records }) => {
        if (!records[0]?.name.includes('wrong')) return { seenBy: ['resolver.test'] };
        misses += 1;
        throw retryableFailure();
      });
      const handle = await lab.start(view);
      await eventually(
        'an evaluation that found nothing',
        async () => misses,
        (count) => count > 0,
      );
      await handle.signal(clusterObserved, { ...view, bundles: [bundleView('primary', 'right.example.com')] });
      await untilReady(lab, view);
      expect(lab.doubles.issued.map((facts) => facts.dnsNames[0])).toEqual(['right.example.com']);
      expect([...lab.doubles.published]).toEqual([]);
    });
  });

  test('whose gate closes waits, and is served again when it opens', async () => {
    await withLab(async (lab) => {
      const view = clusterView();
      lab.doubles.override('placeOrder', async () => {
        throw activityFailure('acme/accountMissing', 'no account');
      });
      const handle = await lab.start(view);
      await eventually(
        'waiting',
        () => lab.status(view),
        (seen) => seen.bundles['primary']?.state === 'Waiting',
      );
      await handle.signal(clusterObserved, { ...view, paused: true });
      await eventually(
        'paused',
        () => lab.status(view),
        (seen) => seen.bundles['primary']?.state === 'Paused',
      );
      lab.doubles.override('placeOrder', undefined);
      await handle.signal(clusterObserved, view);
      await untilReady(lab, view);
    });
  });
});

describe('a failure', () => {
  test('of configuration is parked, and goes on at once when what it depends on changes', async () => {
    await withLab(async (lab) => {
      const view = clusterView();
      lab.doubles.override('placeOrder', async () => {
        throw activityFailure('acme/accountMissing', 'The Secret lets-encrypt-account is missing.');
      });
      const handle = await lab.start(view);
      await eventually(
        'waiting',
        () => lab.status(view),
        (seen) => seen.bundles['primary']?.state === 'Waiting',
      );
      const [report] = await eventually(
        'reported',
        async () => lab.doubles.reports,
        (reports) => reports.length > 0,
      );
      expect(report?.conditions.find((condition) => condition.type === 'Ready')).toMatchObject({
        status: 'False',
        reason: 'AcmeAccountMissing',
      });
      expect(report?.event).toMatchObject({ type: 'Warning' });
      lab.doubles.override('placeOrder', undefined);
      await handle.signal(dependencyChanged, { what: 'Secret certman-operator/lets-encrypt-account' });
      await untilReady(lab, view);
    });
  });

  test('after an order was placed leaves the order to the next attempt', async () => {
    await withLab(async (lab) => {
      const view = clusterView();
      lab.doubles.override('publishTxtRecords', async () => {
        throw activityFailure('dns/accessDenied', 'AccessDenied');
      });
      const handle = await lab.start(view);
      await eventually(
        'waiting',
        () => lab.status(view),
        (seen) => seen.bundles['primary']?.state === 'Waiting',
      );
      lab.doubles.override('publishTxtRecords', undefined);
      await handle.signal(dependencyChanged, { what: 'credentials' });
      await untilReady(lab, view);
      const orders = lab.doubles.calls.filter((call) => call.activity === 'placeOrder').map((call) => call.input);
      expect(orders).toHaveLength(2);
      expect(orders[1]).toMatchObject({ resume: 'https://ca.test/order/1' });
    });
  });

  test('that names its instant is not tried before it, whatever changes meanwhile', async () => {
    await withLab(async (lab) => {
      const view = clusterView();
      lab.doubles.override('placeOrder', async () => {
        throw activityFailure('acme/rateLimited', 'too many', new Date(Date.now() + 3_600_000));
      });
      const handle = await lab.start(view);
      await eventually(
        'failing',
        () => lab.status(view),
        (seen) => seen.bundles['primary']?.state === 'Failing',
      );
      await handle.signal(dependencyChanged, { what: 'something' });
      // The signal has been dealt with once the query, which is answered after it, sees its effect: still asleep.
      const status = await lab.status(view);
      expect(status.bundles['primary']?.state).toBe('Failing');
      expect(lab.doubles.countOf('placeOrder')).toBe(1);
    });
  });
});

describe('an operator', () => {
  test('who asks for a renewal is answered with the new certificate', async () => {
    await withLab(async (lab) => {
      const view = clusterView();
      const handle = await lab.start(view);
      await untilReady(lab, view);
      const renewed = await handle.executeUpdate(renew, { args: [{}] });
      expect(renewed.map((one) => one.certificate.serialNumber)).toEqual(['1001']);
    });
  });

  test('gets the failure of the renewal', async () => {
    await withLab(async (lab) => {
      const view = clusterView();
      const handle = await lab.start(view);
      await untilReady(lab, view);
      lab.doubles.override('placeOrder', async () => {
        throw activityFailure(
          'acme/rateLimited',
          'too many certificates already issued',
          new Date(Date.now() + 3_600_000),
        );
      });
      const refusal = await handle.executeUpdate(renew, { args: [{}] }).catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(WorkflowUpdateFailedError);
      expect(String((refusal as WorkflowUpdateFailedError).cause?.message)).toContain('too many certificates');
      const status = await lab.status(view);
      expect(status.bundles['primary']?.certificate?.serialNumber).toBe('1000');
    });
  });

  test('is not left waiting while the CA forbids an attempt', async () => {
    await withLab(async (lab) => {
      const view = clusterView();
      const handle = await lab.start(view);
      await untilReady(lab, view);
      lab.doubles.override('placeOrder', async () => {
        throw activityFailure('acme/rateLimited', 'too many', new Date(Date.now() + 3_600_000));
      });
      await handle.executeUpdate(renew, { args: [{}] }).catch(() => undefined);
      const again = await handle.executeUpdate(renew, { args: [{}] }).catch((error: unknown) => error);
      expect(String((again as WorkflowUpdateFailedError).cause?.message)).toContain('too many');
      expect(lab.doubles.countOf('placeOrder')).toBe(2);
    });
  });

  test('gets a failure when a gate closes before the renewal is done', async () => {
    await withLab(async (lab) => {
      const view = clusterView();
      const handle = await lab.start(view);
      await untilReady(lab, view);
      let misses = 0;
      lab.doubles.override('verifyPropagation', async () => {
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
      expect((await lab.status(view)).bundles['primary']).toMatchObject({
        state: 'Paused',
        certificate: { serialNumber: '1000' },
      });
    });
  });

  test('who names a bundle that is not there is refused with those that are', async () => {
    await withLab(async (lab) => {
      const view = clusterView();
      const handle = await lab.start(view);
      await untilReady(lab, view);
      const refusal = await handle
        .executeUpdate(renew, { args: [{ bundleName: 'nope' }] })
        .catch((error: unknown) => error);
      expect(String((refusal as WorkflowUpdateFailedError).cause?.message)).toContain('primary');
    });
  });
});

test('the fleet can be searched by state', async () => {
  await withLab(async (lab) => {
    const view = clusterView();
    await lab.start(view);
    await untilReady(lab, view);
    await eventually(
      'listed',
      async () =>
        await lab.env.client.workflow.count(
          `${CertState.name} = 'Ready' AND WorkflowId = '${clusterWorkflowId(view.identity)}'`,
        ),
      (answer) => answer.count === 1,
    );
  });
});

test('a renewal closes the run and begins a fresh one with nothing lost', async () => {
  await withLab(async (lab) => {
    const view = clusterView();
    const handle = await lab.start(view);
    await untilReady(lab, view);
    const first = await handle.describe();
    await handle.executeUpdate(renew, { args: [{}] });
    const second = await eventually(
      'another run',
      async () => await lab.env.client.workflow.getHandle(clusterWorkflowId(view.identity)).describe(),
      (now) => now.runId !== first.runId && now.status.name === 'RUNNING',
    );
    expect(second.historyLength).toBeLessThan(15);
    const status = await eventually(
      'answers',
      () => lab.status(view),
      () => true,
    );
    expect(status.bundles['primary']).toMatchObject({
      state: 'Ready',
      certificate: { serialNumber: '1001' },
      orders: 2,
    });
    expect(lab.doubles.countOf('placeOrder')).toBe(2);
  });
});
