import { describe, expect, test } from 'vitest';
import {
  type BlockedDecommission,
  type BundleSummary,
  blockedMessage,
  conditionReason,
  conditionsFor,
  workflowDetails,
} from '../../../src/certificates/status-messages.ts';
import { FAILURE_CODES } from '../../../src/failures/failure.ts';

const NOW = Date.parse('2026-02-01T00:00:00Z');

const CERTIFICATE = {
  serialNumber: '42',
  issuerName: 'Test CA',
  notBefore: '2026-01-01T00:00:00Z',
  notAfter: '2026-04-01T00:00:00Z',
  dnsNames: ['api.c1.example.com'],
  fingerprint: 'f',
};

const story = (change: Partial<BundleSummary>): BundleSummary => ({
  state: 'Pending',
  message: 'Seen.',
  failedAttempts: 0,
  ...change,
});

const FAILURE = {
  code: 'acme/rateLimited',
  message: 'The CA says: too many certificates.',
  retry: 'backoff',
  remedy: 'Nothing to do.',
} as const;

function condition(of: BundleSummary, type: string) {
  return conditionsFor(of, NOW).find((one) => one.type === type);
}

test('Failing does not claim a success before there was one', () => {
  expect(condition(story({ state: 'Issuing' }), 'Failing')?.message).toBe('No attempt has failed.');
  expect(condition(story({ certificate: CERTIFICATE }), 'Failing')?.message).toBe('The last attempt succeeded.');
});

describe('a blocked decommission', () => {
  const nextAttempt = '2026-02-01T00:01:00.000Z';
  const heldUp = (deadline: number, of: BlockedDecommission['of'] = 'cluster'): BundleSummary =>
    story({
      state: 'Decommissioning',
      certificate: CERTIFICATE,
      failure: FAILURE,
      failedAttempts: 1,
      nextAttempt,
      message: blockedMessage(FAILURE, 1, nextAttempt, { of, deadline }),
    });

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
      /It is tried until it can be done; to let the cluster go without it: certman release\.$/,
    );
  });

  test('of a bundle does not mention the finalizer of the cluster', () => {
    expect(condition(heldUp(NOW + 86_400_000, 'bundle'), 'Failing')?.message).toMatch(
      /If it cannot be done by 2026-02-02T00:00:00.000Z, the bundle is given up without it\.$/,
    );
    expect(condition(heldUp(Number.POSITIVE_INFINITY, 'bundle'), 'Failing')?.message).toMatch(
      /to let the bundle go without it: certman release\.$/,
    );
  });

  test('is not Ready: the certificate may be revoked already', () => {
    expect(condition(heldUp(NOW), 'Ready')).toMatchObject({ status: 'False', reason: 'Decommissioning' });
  });
});

describe('Ready', () => {
  test('is True while the certificate is valid', () => {
    expect(condition(story({ state: 'Ready', certificate: CERTIFICATE }), 'Ready')).toMatchObject({
      status: 'True',
      reason: 'Issued',
    });
  });

  test('stays True during a failing renewal', () => {
    const failing = story({ state: 'Failing', certificate: CERTIFICATE, failure: FAILURE, failedAttempts: 2 });
    expect(condition(failing, 'Ready')).toMatchObject({ status: 'True' });
    expect(condition(failing, 'Failing')).toMatchObject({ status: 'True', reason: 'AcmeRateLimited' });
  });

  test('is False once the certificate has expired, and says when', () => {
    const expired = { ...CERTIFICATE, notAfter: '2026-01-31T00:00:00Z' };
    expect(condition(story({ certificate: expired }), 'Ready')).toMatchObject({
      status: 'False',
      reason: 'Expired',
      message: expect.stringContaining('2026-01-31T00:00:00Z') as string,
    });
  });

  test('is False with the reason of the failure where there is no certificate', () => {
    expect(condition(story({ state: 'Failing', failure: FAILURE }), 'Ready')).toMatchObject({
      status: 'False',
      reason: 'AcmeRateLimited',
    });
  });
});

describe('Renewing', () => {
  test('is True while an order is in progress', () => {
    expect(condition(story({ state: 'Renewing', certificate: CERTIFICATE }), 'Renewing')).toMatchObject({
      status: 'True',
    });
    expect(condition(story({ state: 'Issuing' }), 'Renewing')).toMatchObject({ status: 'True' });
  });

  test('states the renewal time', () => {
    const at = '2026-02-15T00:00:00Z';
    expect(condition(story({ state: 'Ready', certificate: CERTIFICATE, renewalTime: at }), 'Renewing')).toMatchObject({
      status: 'False',
      reason: 'Scheduled',
      message: expect.stringContaining(at) as string,
    });
  });
});

describe('ExpiryNear', () => {
  const expiring = (daysLeft: number, change: Partial<BundleSummary> = {}) => {
    const at = (days: number) => new Date(NOW + days * 86_400_000).toISOString();
    const certificate = { ...CERTIFICATE, notBefore: at(daysLeft - 90), notAfter: at(daysLeft) };
    return condition(story({ state: 'Failing', message: 'The CA is away.', certificate, ...change }), 'ExpiryNear');
  };

  test('is False in time, and without a certificate', () => {
    expect(expiring(40)).toMatchObject({ status: 'False', reason: 'NotExpiring' });
    expect(condition(story({}), 'ExpiryNear')).toMatchObject({ status: 'False' });
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
    const at = '2026-02-01T00:10:00Z';
    const message =
      condition(story({ failure: FAILURE, failedAttempts: 2, nextAttempt: at }), 'Failing')?.message ?? '';
    for (const part of [FAILURE.message, FAILURE.remedy, 'Attempt 2', at]) expect(message).toContain(part);
  });

  test('is False after a success', () => {
    expect(condition(story({ state: 'Ready', certificate: CERTIFICATE }), 'Failing')).toMatchObject({
      status: 'False',
    });
  });
});

test('every reason is valid for a Kubernetes condition', () => {
  for (const code of FAILURE_CODES) expect(conditionReason(code)).toMatch(/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/);
});

describe('the details page', () => {
  test('says when there are no bundles', () => {
    expect(workflowDetails('ns/c1', 'Served.', {})).toContain('No certificate bundle');
  });

  test('shows each bundle with its message, and escapes wildcards', () => {
    const page = workflowDetails('ns/c1', 'Served.', {
      primary: {
        ...story({ state: 'Ready', message: 'All is well.', certificate: CERTIFICATE }),
        dnsNames: ['api.x', '*.apps.x'],
        secretName: 'primary-cert',
      },
    });
    for (const part of ['ns/c1', 'All is well.', 'primary-cert', '\\*.apps.x', CERTIFICATE.notAfter])
      expect(page).toContain(part);
  });

  test('shows the status write error', () => {
    const statusWriteError = 'The ServiceAccount may not write the status.';
    const page = workflowDetails('ns/c1', 'Served.', {
      b: { ...story({ message: 'Seen.', statusWriteError }), dnsNames: [], secretName: 's' },
    });
    expect(page).toContain(`**b**: Seen. (The status could not be written: ${statusWriteError})`);
  });

  test('shortens a long list of names', () => {
    const dnsNames = Array.from({ length: 30 }, (_, index) => `n${index}.x`);
    const page = workflowDetails('ns/c1', 'Served.', { b: { ...story({}), dnsNames, secretName: 's' } });
    expect(page).toContain('and 26 more');
    expect(page).not.toContain('n29.x');
  });
});
