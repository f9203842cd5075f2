/** An order through a network that fails at each of its requests: it is issued once, and nothing is lost. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { issue, startAcmeHarness, uniqueDnsNames } from '../../support/acme/harness.ts';
import { type AcmeSteps, runAcmeActivity } from '../../support/acme/run-activity.ts';
import { isRequestFor, useIssuance } from '../../support/acme/use-issuance.ts';
import type { Fault } from '../../support/faults/fault-proxy.ts';
import { failureOf } from '../../support/temporal/run-activity.ts';
import { expectAfter, timed } from '../../support/vitest/timed.ts';

const issuance = useIssuance();

/** All that an order asks for, of a worker that has just started. */
const REQUESTS = [
  'directory',
  'newNonce',
  'newOrder',
  'authorization',
  'challenge',
  'order',
  'finalize',
  'certificate',
] as const;

const MAX_ATTEMPTS = 6;

/** The activities, each retried as Temporal does: what an attempt recorded, the next one finds. */
function retried(activities: AcmeSteps): AcmeSteps {
  const withRetries =
    (name: keyof AcmeSteps) =>
    async (input: never): Promise<never> => {
      let recorded: { readonly heartbeatDetails?: unknown } = {};
      const onHeartbeat = (heartbeatDetails: unknown): void => void (recorded = { heartbeatDetails });
      for (let attempt = 1; ; attempt += 1) {
        try {
          return (await runAcmeActivity(activities, name, input, {
            attempt,
            once: true,
            onHeartbeat,
            ...recorded,
          })) as never;
        } catch (error) {
          const isOver = !(error instanceof ApplicationFailure) || error.nonRetryable === true;
          if (isOver || attempt === MAX_ATTEMPTS) throw error;
          await sleep(Number(error.nextRetryDelay ?? 0));
        }
      }
    };
  const names = Object.keys(activities) as (keyof AcmeSteps)[];
  return Object.fromEntries(names.map((name) => [name, withRetries(name)])) as unknown as AcmeSteps;
}

/** Of a new worker, which knows neither directory nor nonce. */
const newWorker = () => issuance().lab.activities(issuance().managementCluster.certman);

async function issueThrough(resource: string, fault: Fault) {
  const { lab, request, dnsNames } = issuance();
  const activities = retried(newWorker());
  const injected = lab.proxy.inject({ when: isRequestFor(resource), fault, times: 1 });
  try {
    const { facts } = await issue(activities, request, dnsNames);
    expect(injected.hits()).toBe(1);
    return facts;
  } finally {
    injected.remove();
  }
}

describe.each(REQUESTS)('an order whose request for %s', (resource) => {
  it.each(['cutBefore', 'cutAfter'] as const)('is cut off (%s) is issued once', async (kind) => {
    const { fingerprint } = await issueThrough(resource, { kind });
    expect(await issuance().tlsSecret()).toMatchObject({ kind: 'valid', certificate: { fingerprint } });
    expect(await issuance().stagingSecret()).toBeUndefined();
    // A request that is cut off before the CA acted is sent again.
    const sent = (of: string) => (resource === of && kind === 'cutBefore' ? 2 : 1);
    // RFC 8555 has no way to find an order whose URL was lost: it is left unfinished, and never issued.
    const orders = resource === 'newOrder' ? 2 : 1;
    expect(issuance().requestCounts()).toMatchObject({ newOrder: orders, finalize: sent('finalize') });
  });

  it('meets a page of a load balancer (200, and 502) is issued once', async () => {
    const page = { body: '<!doctype html><title>Maintenance</title>', headers: { 'content-type': 'text/html' } };
    const { lab } = issuance();
    // The directory of a wrong URL is a page as well: that is an error of the configuration.
    const status = resource === 'directory' || resource === 'newNonce' ? 503 : 200;
    const first = lab.proxy.inject({
      when: isRequestFor(resource),
      fault: { kind: 'answer', status, ...page },
      times: 1,
    });
    await issueThrough(resource, { kind: 'answer', status: 502, ...page });
    expect(first.hits()).toBe(1);
    first.remove();
    expect(await issuance().tlsSecret()).toMatchObject({ kind: 'valid' });
  });

  it.each([
    [503, undefined],
    [503, '1'],
    [429, '1'],
  ])('is refused with %i and Retry-After %s is issued once', async (status, retryAfter) => {
    const headers: Record<string, string> = retryAfter === undefined ? {} : { 'retry-after': retryAfter };
    // It would hold back the orders of the account: place-order.test.ts.
    if (resource === 'newOrder') return;
    await issueThrough(resource, { kind: 'answer', status, headers });
    expect(issuance().requestCounts()).toMatchObject({ newOrder: 1 });
    expect(await issuance().tlsSecret()).toMatchObject({ kind: 'valid' });
  });
});

describe('an order', () => {
  it('is issued by a CA that refuses every other nonce', async () => {
    const { managementCluster, request } = issuance();
    const strict = await startAcmeHarness({ nonceReject: 50 });
    try {
      await issue(retried(strict.activities(managementCluster.certman)), request, uniqueDnsNames());
    } finally {
      await strict.stop();
    }
    expect(await issuance().tlsSecret()).toMatchObject({ kind: 'valid' });
  });

  it('of a new worker is not taken for gone when the CA has no directory for a moment', async () => {
    const { lab, dnsNames } = issuance();
    const { orderUrl } = await issuance().placeOrder();
    for (const body of ['', { type: 'urn:ietf:params:acme:error:unauthorized', detail: 'not now' }]) {
      const fault = { kind: 'answer', status: 404, body } as const;
      for (const resource of ['directory', 'newNonce']) {
        const missing = lab.proxy.inject({ when: isRequestFor(resource), fault });
        lab.proxy.clearSeen();
        await failureOf(runAcmeActivity(newWorker(), 'placeOrder', { dnsNames, resume: orderUrl }));
        expect(issuance().requestCounts()['newOrder']).toBe(0);
        missing.remove();
      }
    }
    expect((await issuance().placeOrder(orderUrl)).orderUrl).toBe(orderUrl);
  });
});

/** The CA's answer about an order that is placed. */
function orderIs(status: string, more: object = {}, headers: Readonly<Record<string, string>> = {}): Fault {
  const identifiers = issuance().dnsNames.map((value) => ({ type: 'dns', value }));
  const finalize = `${issuance().lab.proxy.url}/finalize-order/x`;
  return {
    kind: 'answer',
    status: 200,
    headers,
    body: { status, identifiers, authorizations: [], finalize, ...more },
  };
}

describe('a CA that issues asynchronously', () => {
  it('is polled at its Retry-After, and the order is not finalized again', async () => {
    const { activities, lab } = issuance();
    const input = issuance().finalizeInput(await issuance().placeReadyOrder());
    const fault = orderIs('processing', {}, { 'retry-after': '240' });
    const slow = lab.proxy.inject({ when: isRequestFor('order'), fault });
    const attempt = await timed(() => failureOf(runAcmeActivity(activities, 'finalizeOrder', input, { once: true })));
    slow.remove();
    expect(attempt.value).toMatchObject({ code: 'acme/pending', retry: 'transient' });
    expect(attempt.value.message).toContain('still issues the certificate');
    expectAfter(attempt, attempt.value.notBefore, 240_000);
    const { certificateUrl } = await runAcmeActivity(activities, 'finalizeOrder', input, { attempt: 2 });
    expect(certificateUrl).toContain('/certZ/');
    expect(issuance().requestCounts()['finalize']).toBe(1);
  });

  it('and then turns the order invalid says why, name by name', async () => {
    const { activities, lab, dnsNames } = issuance();
    const input = issuance().finalizeInput(await issuance().placeReadyOrder());
    const subproblems = dnsNames.map((value, index) => ({
      type: 'urn:ietf:params:acme:error:caa',
      detail: `CAA forbids number ${index}`,
      identifier: { type: 'dns', value },
    }));
    const error = { type: 'urn:ietf:params:acme:error:compound', detail: 'Errors during finalization', subproblems };
    const invalid = lab.proxy.inject({ when: isRequestFor('order'), fault: orderIs('invalid', { error }) });
    const failure = await failureOf(runAcmeActivity(activities, 'finalizeOrder', input));
    invalid.remove();
    expect(failure.code).toBe('acme/rejectedIdentifier');
    for (const [index, name] of dnsNames.entries()) {
      expect(failure.message).toContain(`${name}: CAA forbids number ${index} [caa]`);
    }
  });
});

describe('a certificate that is late', () => {
  it('is awaited when the valid order does not have its URL yet', async () => {
    const { activities, lab } = issuance();
    const input = issuance().finalizeInput(await issuance().placeReadyOrder());
    const late = lab.proxy.inject({ when: isRequestFor('order'), fault: orderIs('valid') });
    const run = (attempt: number) => runAcmeActivity(activities, 'finalizeOrder', input, { attempt, once: true });
    expect(await failureOf(run(1))).toMatchObject({ code: 'acme/pending', retry: 'transient' });
    expect(await failureOf(run(60))).toMatchObject({ code: 'acme/orderGone' });
    late.remove();
    expect((await run(61)).certificateUrl).toContain('/certZ/');
    expect(issuance().requestCounts()['finalize']).toBe(1);
  });

  it('is awaited when the CA does not have it at its URL yet', async () => {
    const { activities, lab } = issuance();
    const input = await issuance().finalizeOrder();
    const body = { type: 'urn:ietf:params:acme:error:malformed', detail: 'Certificate not found' };
    const late = lab.proxy.inject({ when: isRequestFor('certificate'), fault: { kind: 'answer', status: 404, body } });
    const run = (attempt: number) => runAcmeActivity(activities, 'installCertificate', input, { attempt, once: true });
    const failure = await failureOf(run(1));
    expect(failure).toMatchObject({ code: 'acme/pending', retry: 'transient' });
    expect(failure.message).toContain('Certificate not found');
    expect(await failureOf(run(60))).toMatchObject({ code: 'acme/orderGone' });
    expect(await issuance().stagingSecret()).toBeDefined();
    late.remove();
    const { fingerprint } = await run(61);
    expect(await issuance().tlsSecret()).toMatchObject({ kind: 'valid', certificate: { fingerprint } });
  });
});
