import type { Context } from '@temporalio/activity';
import { type ActivityCancellationDetails, ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../../src/observability/metrics.ts';
import { createActivityMetricsInterceptor } from '../../../src/worker/activity-metrics.ts';

function setUp() {
  const registry = new Registry();
  let issued = 0;
  const observe = createActivityMetricsInterceptor(createMetrics(registry), () => {
    issued += 1;
  });
  const run = async (
    activity: string,
    args: unknown[],
    next: () => Promise<unknown>,
    attempt = 1,
    cancellation: { readonly signal?: AbortSignal; readonly details?: Partial<ActivityCancellationDetails> } = {},
  ): Promise<unknown> => {
    const { signal: cancellationSignal = new AbortController().signal, details: cancellationDetails } = cancellation;
    const info = { activityType: activity, attempt };
    const { inbound } = observe({ info, cancellationSignal, cancellationDetails } as Context);
    return await inbound?.execute?.({ args, headers: {} }, next);
  };
  return { registry, run, issued: () => issued, read: () => registry.metrics() };
}

function report(event: object | undefined, failing = 'False') {
  const conditions = [{ type: 'Failing', status: failing, reason: 'AcmeRateLimited', message: '' }];
  return [{ cluster: {}, report: { event, conditions } }];
}

const done = () => Promise.resolve('result');

describe('an intercepted activity', () => {
  it('keeps its result and its failure', async () => {
    const { run } = setUp();
    expect(await run('placeOrder', [], done)).toBe('result');
    const failure = ApplicationFailure.create({ type: 'acme/rateLimited', message: 'later' });
    await expect(run('placeOrder', [], () => Promise.reject(failure))).rejects.toBe(failure);
  });

  it('is counted by activity, and its failures by code', async () => {
    const { run, read } = setUp();
    await run('placeOrder', [], done);
    const failure = ApplicationFailure.create({ type: 'acme/rateLimited', message: 'later' });
    await run('placeOrder', [], () => Promise.reject(failure)).catch(() => undefined);
    const text = await read();
    expect(text).toContain('certman_activity_duration_seconds_count{activity="placeOrder",succeeded="true"} 1');
    expect(text).toContain('certman_activity_failures_total{activity="placeOrder",code="acme/rateLimited"} 1');
  });

  it.each([
    ['hangs', () => new Promise<never>(() => undefined)],
    ['ends as cancelled', () => Promise.reject(new CancelledFailure('TIMED_OUT'))],
    ['fails for this reason', () => Promise.reject(new Error('aborted'))],
  ])('is counted once as lost when it times out and then %s', async (_what, end) => {
    const { run, read } = setUp();
    const cancelled = new AbortController();
    const details = { notFound: true };
    const timeOut = async (): Promise<unknown> => {
      cancelled.abort();
      return await end();
    };
    void run('placeOrder', [], timeOut, 1, { signal: cancelled.signal, details }).catch(() => undefined);
    await new Promise(setImmediate);
    const counted = (await read()).match(/^certman_activity_failures_total\{.*$/gm);
    expect(counted).toEqual(['certman_activity_failures_total{activity="placeOrder",code="worker/lost"} 1']);
  });

  it('is counted when it evaluated a certificate, but could not write its objects', async () => {
    const { run, read } = setUp();
    await run('applyCertificateRequest', [], () => Promise.resolve({}));
    const writeError = { code: 'kubernetes/unreachable', message: 'no', retry: 'transient' };
    await run('applyCertificateRequest', [], () => Promise.resolve({ writeError }));
    expect(await read()).toContain('certman_object_write_failures_total{code="kubernetes/unreachable"} 1');
  });

  it('is not a failure when it is cancelled', async () => {
    const { run, read } = setUp();
    await run('placeOrder', [], () => Promise.reject(new CancelledFailure('ending'))).catch(() => undefined);
    expect(await read()).not.toContain('activity="placeOrder"');
  });
});

describe('issuances', () => {
  it.each([
    ['Issued', 'create'],
    ['Renewed', 'renew'],
  ])('are counted when their Event is reported: %s', async (reason, action) => {
    const { run, read, issued } = setUp();
    await run('reportStatus', report({ type: 'Normal', reason, message: '' }), done);
    await run('reportStatus', report(undefined), done);
    const text = await read();
    expect(text).toContain(`certman_operator_issued_certificates_count{action="${action}"} 1`);
    expect(text).toContain('certman_issuances_total{result="issued"} 1');
    expect(issued()).toBe(1);
  });

  it.each([
    ['create', false],
    ['renew', true],
  ])(
    'are counted when their order reports them (%s), and not when it leaves that to the workflow',
    async (action, isRenewal) => {
      const { run, read, issued } = setUp();
      const args = [{ reportTerms: { isRenewal } }];
      await run('fulfillOrder', args, () => Promise.resolve({ reported: true }));
      await run('fulfillOrder', args, () => Promise.resolve({}));
      expect(await read()).toContain(`certman_operator_issued_certificates_count{action="${action}"} 1`);
      expect(issued()).toBe(1);
    },
  );

  it('are counted where the order was fulfilled with its placement', async () => {
    const { run, read, issued } = setUp();
    const args = [{ fulfill: { reportTerms: { isRenewal: true } } }];
    await run('placeOrder', args, () => Promise.resolve({ fulfilled: { reported: true } }));
    await run('placeOrder', args, () => Promise.resolve({ challenges: [] }));
    expect(await read()).toContain('certman_operator_issued_certificates_count{action="renew"} 1');
    expect(issued()).toBe(1);
  });

  it('are counted once, however often their report fails', async () => {
    const { run, read, issued } = setUp();
    const args = report({ type: 'Normal', reason: 'Issued', message: '' });
    for (const attempt of [1, 2, 3])
      await run('reportStatus', args, () => Promise.reject(new Error('unavailable')), attempt).catch(() => undefined);
    await run('reportStatus', args, done, 4);
    expect(issued()).toBe(1);
    expect(await read()).toContain('certman_issuances_total{result="issued"} 1');
  });

  it('that fail are counted by the reason on the resource', async () => {
    const { run, read } = setUp();
    await run('reportStatus', report({ type: 'Warning', reason: 'Failing', message: '' }, 'True'), done);
    expect(await read()).toContain('certman_issuances_total{result="AcmeRateLimited"} 1');
  });

  it('that fail because of maintenance at the CA are counted', async () => {
    const { run, read } = setUp();
    const failure = ApplicationFailure.create({
      type: 'acme/serverError',
      message: 'The CA answered 503: The service is down for maintenance or had an internal error.',
    });
    await run('placeOrder', [], () => Promise.reject(failure)).catch(() => undefined);
    expect(await read()).toContain('certman_operator_lets_encrypt_maintenance_error_count 1');
  });
});

describe('deleted clusters', () => {
  const cluster = { managementCluster: 'hive', namespace: 'ns', name: 'c1', uid: 'u1' };
  const failures = [{ code: 'acme/accountMissing', message: 'there is no account', retry: 'onChange' }];

  it.each([
    ['complete', [cluster, []]],
    ['complete', [cluster]],
    ['incomplete', [cluster, failures]],
  ])('are counted as %s when they are released', async (outcome, args) => {
    const { run, read } = setUp();
    await run('removeFinalizer', args, done);
    const text = await read();
    const counted = (of: string): string => `certman_decommissions_total{outcome="${of}"} ${of === outcome ? 1 : 0}`;
    expect(text).toContain(counted('complete'));
    expect(text).toContain(counted('incomplete'));
  });

  it('are counted with what was left, by failure codes that there are', async () => {
    const { run, read } = setUp();
    const invented = [{ code: 'https://example.com/1' }, { code: 7 }, 'left'];
    await run('removeFinalizer', [cluster, [...failures, ...failures, ...invented]], done);
    const counts = [...(await read()).matchAll(/^certman_decommission_failures_total\{(.*)\} (\d+)$/gm)];
    expect(counts.map(([, labels, count]) => [labels, count])).toEqual([
      ['code="acme/accountMissing"', '2'],
      ['code="internal/unexpected"', '3'],
    ]);
  });

  it('are not counted for an object that is not being deleted and keeps its finalizer, but as a refusal', async () => {
    const { run, read } = setUp();
    await run('removeFinalizer', [cluster, []], () => Promise.resolve('kept'));
    const text = await read();
    expect(text).toContain('certman_decommissions_total{outcome="complete"} 0');
    expect(text).toContain(
      'certman_activity_failures_total{activity="removeFinalizer",code="kubernetes/notAskedFor"} 1',
    );
  });

  it('are not counted before their finalizer is removed', async () => {
    const { run, read } = setUp();
    await run('removeFinalizer', [cluster, failures], () => Promise.reject(new Error('unavailable'))).catch(
      () => undefined,
    );
    expect(await read()).toContain('certman_decommissions_total{outcome="incomplete"} 0');
  });
});
