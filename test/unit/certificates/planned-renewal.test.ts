import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { plannedRenewal, type RenewalTerms } from '../../../src/certificates/planned-renewal.ts';
import { type RenewalWindow, selectTimeInWindow } from '../../../src/certificates/renewal-window.ts';
import { certificateWithLifetime, DAY_MS, NOT_BEFORE } from '../../support/certificates/certificate-facts.ts';

function terms(change: Partial<RenewalTerms> = {}): RenewalTerms {
  return { jitterKey: 'ns/c1-primary', now: NOT_BEFORE + DAY_MS, ...change };
}

/** Days left at the renewal of a certificate. */
function daysLeft(lifetimeDays: number, change: Partial<RenewalTerms> = {}): number {
  const certificate = certificateWithLifetime(lifetimeDays * DAY_MS);
  return (Date.parse(certificate.notAfter) - plannedRenewal(certificate, terms(change)).at) / DAY_MS;
}

describe('a renewal by the policy', () => {
  test.each([
    [90, 45],
    [64, 32],
    [45, 22.5],
    [6.7, 3.35],
    [398, 45],
  ])(
    'of a certificate of %s days is %s days before expiry, at most a day (or a fiftieth) earlier',
    (lifetime, left) => {
      expect(daysLeft(lifetime)).toBeGreaterThanOrEqual(left - 0.001);
      expect(daysLeft(lifetime)).toBeLessThanOrEqual(left + Math.min(1, lifetime / 50) + 0.001);
    },
  );

  test.each([
    ['as the user says', 90, 30, 30, 'RenewBeforeDays'],
    ['never with more than half of its life to go', 90, 80, 45, 'HalfLifetime'],
    ['at half of its life where the default is more', 64, undefined, 32, 'HalfLifetime'],
    ['by default where the user says nothing', 90, undefined, 45, 'DefaultPolicy'],
    ['by default where the user says 0', 90, 0, 45, 'DefaultPolicy'],
    ['by default where the user says less than 0', 90, -5, 45, 'DefaultPolicy'],
  ] as const)('%s', (_how, lifetime, renewBeforeDays, left, reason) => {
    const change = renewBeforeDays === undefined ? {} : { renewBeforeDays };
    expect(daysLeft(lifetime, change)).toBeGreaterThanOrEqual(left - 0.001);
    expect(daysLeft(lifetime, change)).toBeLessThanOrEqual(left + 1.001);
    expect(plannedRenewal(certificateWithLifetime(lifetime * DAY_MS), terms(change)).reason).toBe(reason);
  });

  test('states its reason', () => {
    const message = (days: number, change?: Partial<RenewalTerms>) =>
      plannedRenewal(certificateWithLifetime(days * DAY_MS), terms(change)).message;
    expect(message(90, { renewBeforeDays: 30 })).toBe('30 days are then left, as renewBeforeDays says');
    expect(message(90)).toBe('45 days are then left, the default');
    expect(message(64)).toBe('half of its lifetime is then left, the most there may be (45 days were wanted)');
  });

  test('is at the same instant for the same request, and spread over requests', () => {
    const certificate = certificateWithLifetime(90 * DAY_MS);
    const at = (jitterKey: string) => plannedRenewal(certificate, terms({ jitterKey })).at;
    expect(at('a/b')).toBe(at('a/b'));
    expect(new Set(Array.from({ length: 200 }, (_, index) => at(`ns/c${index}`))).size).toBeGreaterThan(190);
  });

  test('lies in the second half of any lifetime from an hour to 398 days, less jitter', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 3_600, max: 398 * 86_400 }),
        fc.option(fc.integer({ min: -10, max: 400 }), { nil: undefined }),
        fc.string(),
        (seconds, renewBeforeDays, jitterKey) => {
          const certificate = certificateWithLifetime(seconds * 1000);
          const change = renewBeforeDays === undefined ? { jitterKey } : { jitterKey, renewBeforeDays };
          const { at } = plannedRenewal(certificate, terms(change));
          expect(at).toBeLessThan(Date.parse(certificate.notAfter));
          expect(at - NOT_BEFORE).toBeGreaterThanOrEqual(seconds * 1000 * 0.47);
        },
      ),
    );
  });
});

describe('a window that the CA suggests', () => {
  const certificate = certificateWithLifetime(90 * DAY_MS);
  const byPolicy = plannedRenewal(certificate, terms());

  function windowOfDays(start: number, end: number, change: Partial<RenewalWindow> = {}): RenewalWindow {
    return {
      certId: certificate.certId ?? '',
      start: new Date(NOT_BEFORE + start * DAY_MS).toISOString(),
      end: new Date(NOT_BEFORE + end * DAY_MS).toISOString(),
      ...change,
    };
  }

  test('decides when it is earlier', () => {
    const suggestedWindow = windowOfDays(20, 22);
    expect(plannedRenewal(certificate, terms({ suggestedWindow }))).toEqual({
      at: selectTimeInWindow(suggestedWindow, NOT_BEFORE),
      reason: 'SuggestedByCa',
      message: `the CA suggests a renewal between ${suggestedWindow.start} and ${suggestedWindow.end}`,
    });
  });

  test('in the past makes the renewal due, with the page that explains it', () => {
    const suggestedWindow = windowOfDays(-2, -1, { explanationUrl: 'https://ca.example/incident' });
    const planned = plannedRenewal(certificate, terms({ suggestedWindow }));
    expect(planned.at).toBe(NOT_BEFORE + DAY_MS);
    expect(planned.message).toMatch(/, see https:\/\/ca\.example\/incident$/);
  });

  test.each<readonly [string, RenewalWindow]>([
    ['a later one, which is where a CA puts it,', windowOfDays(59, 61)],
    ['one of another certificate', windowOfDays(-2, -1, { certId: 'other.one' })],
    ['a malformed one', windowOfDays(2, 1)],
  ])('%s changes nothing', (_what, suggestedWindow) => {
    expect(plannedRenewal(certificate, terms({ suggestedWindow }))).toEqual(byPolicy);
  });

  test('never delays a due renewal', () => {
    const now = NOT_BEFORE + 50 * DAY_MS;
    expect(plannedRenewal(certificate, terms({ suggestedWindow: windowOfDays(59, 61), now }))).toEqual(byPolicy);
  });
});
