import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { askAgainAt, expiryLevel, nextExpiryLevelChange } from '../../../src/certificates/expiry-level.ts';
import { plannedRenewal } from '../../../src/certificates/planned-renewal.ts';
import { certificateWithLifetime, DAY_MS, NOT_BEFORE } from '../../support/certificates/certificate-facts.ts';

const SECOND_MS = 1000;

describe.each([
  // lifetime, renewBeforeDays, days left from which it is near and critical
  ['90 days', 90, undefined, 22.5, 7.5],
  ['64 days', 64, undefined, 16, 64 / 12],
  ['45 days', 45, undefined, 11.25, 3.75],
  ['6 days', 6, undefined, 1.5, 0.5],
  ['398 days', 398, undefined, 22.5, 7.5],
  ['90 days, renewed late on purpose', 90, 6, 3, 1],
] as const)('a certificate of %s', (_what, lifetime, renewBeforeDays, near, critical) => {
  const certificate = certificateWithLifetime(lifetime * DAY_MS);
  const left = (days: number) => Date.parse(certificate.notAfter) - days * DAY_MS;
  const nearness = (at: number) => expiryLevel(certificate, at, renewBeforeDays);

  test('the level is near, critical and expired from exactly these instants on', () => {
    expect(nearness(NOT_BEFORE)).toBe('far');
    expect(nearness(left(near) - SECOND_MS)).toBe('far');
    expect(nearness(left(near) + SECOND_MS)).toBe('near');
    expect(nearness(left(critical) - SECOND_MS)).toBe('near');
    expect(nearness(left(critical) + SECOND_MS)).toBe('critical');
    expect(nearness(left(0) - 1)).toBe('critical');
    expect(nearness(left(0))).toBe('expired');
  });

  test('the next change is returned, and the level changes then', () => {
    const story: string[] = [];
    let at: number | undefined = NOT_BEFORE;
    while (at !== undefined) {
      story.push(nearness(at));
      at = nextExpiryLevelChange(certificate, at, renewBeforeDays);
    }
    expect(story).toEqual(['far', 'near', 'critical', 'expired']);
  });
});

test('the level is far while renewals are in time, by either policy and whatever window the CA suggests', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 3_600, max: 398 * 86_400 }),
      fc.option(fc.integer({ min: -10, max: 400 }), { nil: undefined }),
      fc.string(),
      fc.constantFrom(undefined, 'ari' as const),
      fc.tuple(fc.double({ min: -1, max: 3, noNaN: true }), fc.double({ min: 0.001, max: 1, noNaN: true })),
      (seconds, renewBeforeDays, jitterKey, policy, [start, length]) => {
        const certificate = certificateWithLifetime(seconds * SECOND_MS);
        const instantAt = (share: number) => new Date(NOT_BEFORE + share * seconds * SECOND_MS).toISOString();
        const suggestedWindow = {
          certId: certificate.certId ?? '',
          start: instantAt(start),
          end: instantAt(start + length),
        };
        const terms = { jitterKey, policy, suggestedWindow, now: NOT_BEFORE, renewBeforeDays };
        const { at } = plannedRenewal(certificate, terms);
        expect(expiryLevel(certificate, at, renewBeforeDays)).toBe('far');
      },
    ),
  );
});

test('an order whose turn is far off asks again when its certificate comes nearer to its expiry', () => {
  const certificate = certificateWithLifetime(90 * DAY_MS);
  const near = Date.parse(certificate.notAfter) - 22.5 * DAY_MS;
  const now = near - 3 * DAY_MS;
  expect(askAgainAt(now + 7 * DAY_MS, certificate, now)).toBe(near);
  expect(askAgainAt(now + DAY_MS, certificate, now)).toBe(now + DAY_MS);
  expect(askAgainAt(now + 7 * DAY_MS, undefined, now)).toBe(now + 7 * DAY_MS);
  const expired = Date.parse(certificate.notAfter) + DAY_MS;
  expect(askAgainAt(expired + DAY_MS, certificate, expired)).toBe(expired + DAY_MS);
});
