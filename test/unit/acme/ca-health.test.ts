import { describe, expect, it } from 'vitest';
import { CaHealth, isCaFailure } from '../../../src/acme/ca-health.ts';
import { AcmeProblemError } from '../../../src/acme/problems.ts';
import { CertmanError, type FailureCode } from '../../../src/failures/failure.ts';

const MINUTE = 60_000;
const unreachable = new CertmanError({ code: 'acme/unreachable', message: 'no route' });
const problem = (code: FailureCode, status: number, type = '') =>
  new AcmeProblemError({ code, message: `HTTP ${status}` }, type, status);

describe('isCaFailure', () => {
  it.each([
    ['no answer', unreachable, true],
    ['HTTP 500', problem('acme/serverError', 500, 'serverInternal'), true],
    ['HTTP 503 of the directory', new CertmanError({ code: 'acme/serverError', message: '503' }), true],
    ['a stop of all issuance, 403 without a type', problem('acme/unexpected', 403), true],
    ['a nonce that was refused', problem('acme/serverError', 400, 'badNonce'), false],
    ['a limit, 429', problem('acme/rateLimited', 429, 'rateLimited'), false],
    ['a name that is refused, 403', problem('acme/rejectedIdentifier', 403, 'rejectedIdentifier'), false],
    ['an account that is refused, 403', problem('acme/unauthorized', 403, 'unauthorized'), false],
    ['something else', new Error('x'), false],
  ])('%s: %s', (_what, error, expected) => {
    expect(isCaFailure(error)).toBe(expected);
  });
});

describe('CaHealth', () => {
  const changes: boolean[] = [];
  const health = () => {
    changes.length = 0;
    return new CaHealth({ failoverAfterMs: 15 * MINUTE, onChange: (isUp) => changes.push(isUp) });
  };
  const fail = (of: CaHealth, resource: string, ...minutes: readonly number[]): void => {
    for (const at of minutes) of.failed(resource, unreachable, at * MINUTE);
  };

  it('has an outage after three failures and the time', () => {
    const ca = health();
    fail(ca, 'newOrder', 0, 1, 14);
    expect(ca.outage({ now: 14 * MINUTE })).toBeUndefined();
    fail(ca, 'newOrder', 15);
    expect(ca.outage({ now: 15 * MINUTE })).toMatchObject({ since: 0, failures: 4, message: 'no route' });
    ca.succeeded('newOrder');
    expect(ca.outage({ now: 15 * MINUTE })).toBeUndefined();
    expect(changes).toEqual([false, true]);
  });

  it('has none after two failures, however far apart', () => {
    const ca = health();
    fail(ca, 'newOrder', 0, 50);
    expect(ca.outage({ now: 50 * MINUTE })).toBeUndefined();
  });

  it('has one for an urgent certificate after a tenth of the time', () => {
    const ca = health();
    fail(ca, 'newOrder', 0, 1, 2);
    expect(ca.outage({ urgent: true, now: 2 * MINUTE })).toBeDefined();
    expect(ca.outage({ now: 2 * MINUTE })).toBeUndefined();
  });

  it('ends with a success, and with a refusal, of the same kind of request only', () => {
    const ca = health();
    fail(ca, 'finalize', 0, 8, 16);
    ca.succeeded('newOrder');
    expect(ca.outage({ now: 16 * MINUTE })).toBeDefined();
    ca.failed('finalize', problem('acme/badCsr', 400), 17 * MINUTE);
    expect(ca.outage({ now: 17 * MINUTE })).toBeUndefined();
  });

  it('forgets failures of six hours ago', () => {
    const ca = health();
    fail(ca, 'newOrder', 0, 8, 16);
    expect(ca.outage({ now: 300 * MINUTE })).toBeDefined();
    expect(ca.outage({ now: 376 * MINUTE })).toBeUndefined();
    fail(ca, 'newOrder', 377, 378, 379);
    expect(ca.outage({ now: 379 * MINUTE })).toBeUndefined();
  });

  it('is not changed by what no certificate needs, nor by a cancellation', () => {
    const ca = health();
    fail(ca, 'renewalInfo', 0, 8, 16);
    for (const at of [0, 8, 16]) ca.failed('newOrder', new DOMException('stopped', 'AbortError'), at * MINUTE);
    expect(ca.outage({ now: 16 * MINUTE })).toBeUndefined();
  });

  it('lets one order in a minute try, the first one a minute after the outage began', () => {
    const ca = health();
    fail(ca, 'newOrder', 0, 8, 16);
    const tries = [16, 16.5, 17, 17.1, 18].map((at) => ca.takeProbe(at * MINUTE));
    expect(tries).toEqual([false, false, true, false, true]);
  });

  it('has no trust in a CA for a day after a chain of it was refused', () => {
    const ca = health();
    ca.refuseChain('no root', 0);
    expect(ca.untrusted(23 * 60 * MINUTE)).toBe('no root');
    expect(ca.untrusted(24 * 60 * MINUTE)).toBeUndefined();
  });
});
