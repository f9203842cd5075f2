/** Orders for other reasons than the renewal time, and their inputs. */
import { describe, expect, test } from 'vitest';
import {
  certificateRevoked,
  clusterObserved,
  dependencyChanged,
  renew,
  renewalWindowChanged,
} from '../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../src/contract/ids.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { bundleView, clusterView } from '../support/workflows/cluster-views.ts';
import {
  begun,
  certificateOf,
  evaluateAgain,
  handleOf,
  issuedAndReady,
  lastOrder,
  record,
} from '../support/workflows/primary-bundle.ts';
import { useWorkflowHarness } from '../support/workflows/use-harness.ts';

const HOUR_MS = 3_600_000;

const withHarness = useWorkflowHarness();

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
