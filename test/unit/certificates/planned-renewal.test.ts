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
    expect(message(64)).toBe('half of its lifetime is then left, since 45 days would be more than half');
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

describe('policy ari', () => {
  const certificate = certificateWithLifetime(90 * DAY_MS);
  const windowOf = (start: number, end: number): RenewalWindow => ({
    certId: certificate.certId ?? '',
    start: new Date(NOT_BEFORE + start * DAY_MS).toISOString(),
    end: new Date(NOT_BEFORE + end * DAY_MS).toISOString(),
  });
  const ari = (change: Partial<RenewalTerms> = {}): RenewalTerms => terms({ policy: 'ari', ...change });

  test('waits for the window, and says so', () => {
    const suggestedWindow = windowOf(59, 61);
    expect(plannedRenewal(certificate, ari({ suggestedWindow }))).toEqual({
      at: selectTimeInWindow(suggestedWindow, NOT_BEFORE),
      reason: 'SuggestedByCa',
      message: `the CA suggests a renewal between ${suggestedWindow.start} and ${suggestedWindow.end} (policy ari)`,
    });
  });

  test('selects the same instant in the window at each evaluation, spread over certificates', () => {
    const at = (certId: string, day: number) =>
      plannedRenewal(
        { ...certificate, certId },
        ari({ suggestedWindow: { ...windowOf(59, 61), certId }, now: NOT_BEFORE + day * DAY_MS }),
      ).at;
    expect(at('a.1', 58)).toBe(at('a.1', 1));
    const instants = Array.from({ length: 100 }, (_, index) => at(`a.${index}`, 1));
    expect(new Set(instants).size).toBeGreaterThan(90);
    for (const instant of instants) {
      expect(instant).toBeGreaterThanOrEqual(NOT_BEFORE + 59 * DAY_MS);
      expect(instant).toBeLessThanOrEqual(NOT_BEFORE + 61 * DAY_MS + 1000);
    }
  });

  test.each([
    ['in the past, as before a mass revocation', windowOf(-2, -1)],
    ['that has begun', windowOf(0, 1)],
  ])('renews at once by a window %s', (_what, suggestedWindow) => {
    expect(plannedRenewal(certificate, ari({ suggestedWindow })).at).toBe(NOT_BEFORE + DAY_MS);
  });

  test.each([
    ['90 days', 90, 30, 1],
    ['45 days', 45, 15, 45 / 50],
    ['160 hours', 160 / 24, 80 / 24, 160 / 24 / 50],
    ['398 days', 398, 45, 1],
  ])('without a window renews a certificate of %s where a CA would', (_what, lifetime, left, jitter) => {
    expect(daysLeft(lifetime, { policy: 'ari' })).toBeGreaterThanOrEqual(left - 0.001);
    expect(daysLeft(lifetime, { policy: 'ari' })).toBeLessThanOrEqual(left + jitter + 0.001);
  });

  test.each<readonly [string, RenewalWindow | undefined, string]>([
    ['none', undefined, 'since the CA has suggested no time yet (policy ari)'],
    ['one of another certificate', { ...windowOf(59, 61), certId: 'other.one' }, 'no time yet (policy ari)'],
    ['a malformed one', windowOf(61, 59), 'no time yet (policy ari)'],
    ['one after the expiry', windowOf(91, 92), 'is too late (policy ari)'],
    ['one years away', windowOf(900, 901), 'is too late (policy ari)'],
    ['one shortly before the expiry', windowOf(80, 81), 'is too late (policy ari)'],
  ])('with %s a third of the lifetime is left', (_what, suggestedWindow, words) => {
    const planned = plannedRenewal(certificate, ari({ suggestedWindow }));
    expect(planned).toEqual({ ...plannedRenewal(certificate, ari()), message: expect.stringContaining(words) });
    expect(planned.reason).toBe('NoWindow');
    expect(planned.message).toMatch(/^a third of its lifetime is then left, since /);
  });

  test('a late window does not delay a renewal that is due without it', () => {
    const now = NOT_BEFORE + 70 * DAY_MS;
    expect(plannedRenewal(certificate, ari({ suggestedWindow: windowOf(80, 81), now })).at).toBeLessThan(now);
  });

  test("a user's renewBeforeDays precedes it, and an earlier window precedes both", () => {
    const suggestedWindow = windowOf(59, 61);
    const custom = (renewBeforeDays: number) => ({ renewBeforeDays, suggestedWindow });
    for (const days of [20, 40])
      expect(plannedRenewal(certificate, ari(custom(days)))).toEqual(plannedRenewal(certificate, terms(custom(days))));
    expect(plannedRenewal(certificate, ari(custom(20))).reason).toBe('SuggestedByCa');
    expect(plannedRenewal(certificate, ari(custom(40))).reason).toBe('RenewBeforeDays');
  });

  test('is never earlier than the default, so that a change to it causes no order', () => {
    const day = fc.double({ min: -1, max: 400, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 398 }), day, day, day, (lifetime, start, length, nowDay) => {
        const one = certificateWithLifetime(lifetime * DAY_MS);
        const both = { suggestedWindow: windowOf(start, start + length), now: NOT_BEFORE + nowDay * DAY_MS };
        expect(plannedRenewal(one, ari(both)).at).toBeGreaterThanOrEqual(plannedRenewal(one, terms(both)).at);
      }),
    );
  });

  test('notes follow the message', () => {
    const { message } = plannedRenewal(certificate, ari({ policyNote: 'a note' }));
    expect(message).toMatch(/ \(policy ari; a note\)$/);
    expect(plannedRenewal(certificate, terms({ policyNote: 'a note' })).message).toMatch(/the default \(a note\)$/);
  });
});
