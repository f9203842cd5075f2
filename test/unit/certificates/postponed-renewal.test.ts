import { expect, test } from 'vitest';
import { expiryThresholds } from '../../../src/certificates/expiry-level.ts';
import { latestRenewal } from '../../../src/certificates/latest-renewal.ts';
import { plannedRenewal, type RenewalTerms } from '../../../src/certificates/planned-renewal.ts';
import type { Postponement } from '../../../src/certificates/postponement.ts';
import { nextAction, postponableRenewal, type RenewalInputs } from '../../../src/certificates/renewal-policy.ts';
import { certificateWithLifetime, DAY_MS } from '../../support/certificates/certificate-facts.ts';

const good = certificateWithLifetime(90 * DAY_MS);
const notAfter = Date.parse(good.notAfter);
const DUE_AT = notAfter - 45 * DAY_MS;

function inputs(change: Partial<RenewalInputs> = {}): RenewalInputs {
  return {
    secret: { kind: 'valid', certificate: good },
    dnsNames: ['api.c1.example.com'],
    jitterKey: 'ns/c1-primary',
    now: DUE_AT,
    ...change,
  };
}

function untilDays(left: number): Postponement {
  return {
    reason: 'OutsideWindow',
    plannedTime: new Date(DUE_AT).toISOString(),
    until: new Date(notAfter - left * DAY_MS).toISOString(),
    message: 'no renewal window is open (next: nights)',
  };
}

test('a planned renewal that is due is postponed, and says so', () => {
  const action = nextAction(inputs({ postponement: untilDays(44) }));
  expect(action).toMatchObject({
    kind: 'sleep',
    until: notAfter - 44 * DAY_MS,
    postponement: { reason: 'OutsideWindow' },
  });
  expect(action.message).toContain('postponed, since no renewal window is open (next: nights)');
});

test.each<readonly [string, Partial<RenewalInputs>]>([
  ['a revocation', { revoked: true }],
  ['names that it lacks', { dnsNames: ['api.c2.example.com'] }],
  ['an expired certificate', { now: notAfter + 1 }],
  ['an operator', { renewRequested: true }],
  ['a revocation that an operator asks for', { revokeAfter: good.serialNumber }],
  ['a campaign', { campaign: { name: 'drill', revokes: false } }],
  ['a Secret that is missing', { secret: { kind: 'missing' } }],
  [
    'an instant of the CA before the plan',
    {
      now: DUE_AT - 10 * DAY_MS,
      suggestedWindow: {
        certId: good.certId ?? '',
        start: new Date(DUE_AT - 12 * DAY_MS).toISOString(),
        end: new Date(DUE_AT - 11 * DAY_MS).toISOString(),
      },
    },
  ],
])('%s does not wait', (_what, change) => {
  expect(nextAction(inputs({ ...change, postponement: untilDays(-1) })).kind).toBe('order');
  expect(postponableRenewal(inputs(change))).toBeUndefined();
});

test('what is due later is not postponed', () => {
  expect(postponableRenewal(inputs({ now: DUE_AT - 2 * DAY_MS }))).toBeUndefined();
});

test('a postponement beyond what is safe is not obeyed', () => {
  expect(nextAction(inputs({ postponement: untilDays(27) })).kind).toBe('sleep');
  expect(nextAction(inputs({ postponement: untilDays(26.9) })).kind).toBe('order');
});

test.each([90, 64, 45, 6, 365])('a certificate of %d days is renewed before its expiry is near', (days) => {
  const certificate = certificateWithLifetime(days * DAY_MS);
  const terms: RenewalTerms = { jitterKey: 'k', now: 0 };
  const planned = plannedRenewal(certificate, terms);
  const latest = latestRenewal(certificate, planned, terms) ?? Number.NaN;
  const near = expiryThresholds(certificate, undefined)[0]?.at ?? Number.NaN;
  expect(latest).toBeGreaterThan(planned.at);
  expect(near - latest).toBeGreaterThan((near - planned.at) / 10);
});

test('by policy ari, a renewal is postponed within the window of the CA', () => {
  const suggestedWindow = {
    certId: good.certId ?? '',
    start: new Date(notAfter - 31 * DAY_MS).toISOString(),
    end: new Date(notAfter - 29 * DAY_MS).toISOString(),
  };
  const now = notAfter - 29.01 * DAY_MS;
  expect(postponableRenewal(inputs({ policy: 'ari', suggestedWindow, now }))?.latest).toBe(notAfter - 29 * DAY_MS);
  // Moved by the CA: another certificate is wanted at once.
  const moved = { ...suggestedWindow, start: good.notBefore, end: new Date(DUE_AT - DAY_MS).toISOString() };
  const past = inputs({ policy: 'ari', suggestedWindow: moved, postponement: untilDays(44) });
  expect(nextAction(past).kind).toBe('order');
});
