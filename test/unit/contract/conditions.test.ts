import { describe, expect, test } from 'vitest';
import { type BlockedDecommission, blockedMessage } from '../../../src/certificates/status-messages.ts';
import type { BundleFacts, BundleRecord, BundleState } from '../../../src/contract/bundle-record.ts';
import { conditionsFor } from '../../../src/contract/conditions.ts';
import { CERTIFICATE, PENDING, READY, RENEWAL_TIME, recordOf } from '../../support/workflows/bundle-records.ts';

const NOW = Date.parse('2026-02-01T00:00:00Z');

const FAILURE = {
  code: 'acme/rateLimited',
  message: 'The CA says: too many certificates.',
  retry: 'backoff',
  remedy: 'Nothing to do.',
} as const;

const NEXT_ATTEMPT = '2026-02-01T00:10:00Z';

const failing = (attempts = 1): BundleState => ({
  state: 'Failing',
  lastAttempt: { failure: FAILURE, failedAt: '2026-02-01T00:00:00Z', attempts },
  nextAttempt: NEXT_ATTEMPT,
});

function condition(of: BundleRecord, type: string) {
  return conditionsFor(of, NOW).find((one) => one.type === type);
}

test('Failing does not claim a success before there was one', () => {
  expect(condition(recordOf({ state: 'Issuing' }), 'Failing')?.message).toBe('No attempt has failed.');
  expect(condition(recordOf(PENDING, { certificate: CERTIFICATE }), 'Failing')?.message).toBe(
    'The last attempt succeeded.',
  );
});

describe('a blocked decommission', () => {
  const nextAttempt = '2026-02-01T00:01:00.000Z';
  const heldUp = (deadline: number, of: BlockedDecommission['of'] = 'cluster'): BundleRecord =>
    recordOf(
      {
        state: 'Decommissioning',
        started: { policy: 'wait', limitMs: 0, since: '2026-02-01T00:00:00Z' },
        blocked: { failure: FAILURE, attempts: 1, nextAttempt },
      },
      { certificate: CERTIFICATE, message: blockedMessage(FAILURE, 1, nextAttempt, { of, deadline }) },
    );

  test('says why, when the next attempt is, and what happens at the deadline', () => {
    expect(condition(heldUp(NOW + 86_400_000), 'Failing')).toEqual({
      type: 'Failing',
      status: 'True',
      reason: 'AcmeRateLimited',
      message:
        'The CA says: too many certificates. Nothing to do. Attempt 1 failed; the next one is at 2026-02-01T00:01:00.000Z. ' +
        'If it cannot be done by 2026-02-02T00:00:00.000Z, the finalizer is released without it.',
    });
  });

  test('says what an operator can do when there is no deadline', () => {
    expect(condition(heldUp(Number.POSITIVE_INFINITY), 'Failing')?.message).toMatch(
      /It is retried until it succeeds; to release the cluster without it: certman release\.$/,
    );
  });

  test('of a bundle does not mention the finalizer of the cluster', () => {
    expect(condition(heldUp(NOW + 86_400_000, 'bundle'), 'Failing')?.message).toMatch(
      /If it cannot be done by 2026-02-02T00:00:00.000Z, the bundle is given up without it\.$/,
    );
    expect(condition(heldUp(Number.POSITIVE_INFINITY, 'bundle'), 'Failing')?.message).toMatch(
      /to release the bundle without it: certman release\.$/,
    );
  });

  test('is not Ready: the certificate may be revoked already', () => {
    expect(condition(heldUp(NOW), 'Ready')).toMatchObject({ status: 'False', reason: 'Decommissioning' });
  });
});

describe('Ready', () => {
  test('is True while the certificate is valid', () => {
    expect(condition(recordOf(READY), 'Ready')).toMatchObject({
      status: 'True',
      reason: 'Issued',
    });
  });

  test('stays True during a failing renewal', () => {
    const renewalFails = recordOf(failing(2), { certificate: CERTIFICATE });
    expect(condition(renewalFails, 'Ready')).toMatchObject({ status: 'True' });
    expect(condition(renewalFails, 'Failing')).toMatchObject({ status: 'True', reason: 'AcmeRateLimited' });
  });

  test('is False once the certificate has expired, and says when', () => {
    const expired = { ...CERTIFICATE, notAfter: '2026-01-31T00:00:00Z' };
    expect(condition(recordOf(PENDING, { certificate: expired }), 'Ready')).toMatchObject({
      status: 'False',
      reason: 'Expired',
      message: expect.stringContaining('2026-01-31T00:00:00Z') as string,
    });
  });

  test('is False while the validity of the certificate lies ahead, and says from when it is valid', () => {
    const ahead = { ...CERTIFICATE, notBefore: '2026-02-01T00:00:01Z' };
    const state = { state: 'Ready', certificate: ahead, renewalTime: RENEWAL_TIME } as const;
    expect(condition(recordOf(state), 'Ready')).toMatchObject({
      status: 'False',
      reason: 'NotYetValid',
      message: expect.stringContaining('is valid from 2026-02-01T00:00:01Z') as string,
    });
  });

  test('is False with the reason of the failure where there is no certificate', () => {
    expect(condition(recordOf(failing()), 'Ready')).toMatchObject({
      status: 'False',
      reason: 'AcmeRateLimited',
    });
  });
});

describe('Renewing', () => {
  test('is True while an order is in progress', () => {
    expect(condition(recordOf({ state: 'Renewing' }, { certificate: CERTIFICATE }), 'Renewing')).toMatchObject({
      status: 'True',
    });
    expect(condition(recordOf({ state: 'Issuing' }), 'Renewing')).toMatchObject({ status: 'False' });
  });

  test('states the renewal time', () => {
    expect(condition(recordOf(READY), 'Renewing')).toMatchObject({
      status: 'False',
      reason: 'Scheduled',
      message: expect.stringContaining(RENEWAL_TIME) as string,
    });
  });
});

test('Issuing is True while the first certificate is ordered', () => {
  expect(condition(recordOf({ state: 'Issuing' }), 'Issuing')).toMatchObject({
    status: 'True',
    reason: 'OrderInProgress',
  });
  expect(condition(recordOf(PENDING), 'Issuing')).toMatchObject({ status: 'False', reason: 'NotStarted' });
  expect(condition(recordOf(READY), 'Issuing')).toMatchObject({ status: 'False', reason: 'Issued' });
});

test('Paused has the reason of the closed gate, and what opens it', () => {
  const message = 'To resume, remove the annotation.';
  const paused = recordOf({ state: 'Paused', gate: 'ReconcilePaused' }, { message });
  expect(condition(paused, 'Paused')).toEqual({ type: 'Paused', status: 'True', reason: 'ReconcilePaused', message });
  // Of a run of an earlier version.
  expect(condition(recordOf({ state: 'Paused' }), 'Paused')).toMatchObject({ status: 'True', reason: 'GateClosed' });
  expect(condition(recordOf(READY), 'Paused')).toMatchObject({ status: 'False' });
});

test('Revoked is about the certificate in the Secret only', () => {
  const { serialNumber } = CERTIFICATE;
  expect(condition(recordOf(READY, { revokedSerialNumber: serialNumber }), 'Revoked')).toMatchObject({
    status: 'True',
    reason: 'RevokedByCa',
    message: expect.stringContaining(serialNumber) as string,
  });
  expect(condition(recordOf(READY, { revokedSerialNumber: '99' }), 'Revoked')).toMatchObject({ status: 'False' });
});

test('ObjectWriteFailing says why the finalizer or the request is not up to date', () => {
  expect(condition(recordOf(READY), 'ObjectWriteFailing')).toMatchObject({ status: 'False', reason: 'NoFailure' });
  const failure = { code: 'kubernetes/unreachable', message: 'failed calling webhook', retry: 'transient' } as const;
  const objectWriteError = { failure, attempts: 2, nextAttempt: NEXT_ATTEMPT };
  expect(condition(recordOf(READY, { objectWriteError }), 'ObjectWriteFailing')).toMatchObject({
    status: 'True',
    reason: 'KubernetesUnreachable',
    message: expect.stringContaining(`failed calling webhook It is written again at ${NEXT_ATTEMPT}.`) as string,
  });
});

describe('ExpiryNear', () => {
  const expiring = (daysLeft: number, change: Partial<BundleFacts> = {}) => {
    const at = (days: number) => new Date(NOW + days * 86_400_000).toISOString();
    const certificate = { ...CERTIFICATE, notBefore: at(daysLeft - 90), notAfter: at(daysLeft) };
    return condition(recordOf(failing(), { message: 'The CA is away.', certificate, ...change }), 'ExpiryNear');
  };

  test('is False in time, and without a certificate', () => {
    expect(expiring(40)).toMatchObject({ status: 'False', reason: 'NotExpiring' });
    expect(condition(recordOf(PENDING), 'ExpiryNear')).toMatchObject({ status: 'False' });
  });

  test.each([
    [20, 'Near'],
    [5, 'Critical'],
    [-1, 'Expired'],
  ])('with %s days left is True: %s, and says why', (daysLeft, reason) => {
    expect(expiring(daysLeft)).toMatchObject({ status: 'True', reason });
    expect(expiring(daysLeft)?.message).toContain('The CA is away.');
  });

  test('is later for a small renewBeforeDays', () => {
    expect(expiring(20, { renewBeforeDays: 15 })).toMatchObject({ status: 'False' });
  });
});

describe('Failing', () => {
  test('states failure, remedy and next attempt', () => {
    const message = condition(recordOf(failing(2)), 'Failing')?.message ?? '';
    for (const part of [FAILURE.message, FAILURE.remedy, 'Attempt 2', NEXT_ATTEMPT]) expect(message).toContain(part);
  });

  test('is False after a success', () => {
    expect(condition(recordOf(READY), 'Failing')).toMatchObject({
      status: 'False',
    });
  });
});
