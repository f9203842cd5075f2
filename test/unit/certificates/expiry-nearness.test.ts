import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { expiryNearness, nextNearnessChange } from '../../../src/certificates/expiry-nearness.ts';
import { plannedRenewal } from '../../../src/certificates/planned-renewal.ts';
import { BEGIN, certificateOf, DAY_MS } from '../../support/certificate-facts.ts';

const SECOND_MS = 1000;

describe.each([
  // lifetime, renewBeforeDays, near and critical at so many days left
  ['90 days', 90, undefined, 22.5, 7.5],
  ['64 days', 64, undefined, 16, 64 / 12],
  ['45 days', 45, undefined, 11.25, 3.75],
  ['6 days', 6, undefined, 1.5, 0.5],
  ['398 days', 398, undefined, 22.5, 7.5],
  ['90 days, renewed late on purpose', 90, 6, 3, 1],
] as const)('a certificate of %s', (_what, lifetime, renewBeforeDays, near, critical) => {
  const certificate = certificateOf(lifetime * DAY_MS);
  const left = (days: number) => Date.parse(certificate.notAfter) - days * DAY_MS;
  const nearness = (at: number) => expiryNearness(certificate, at, renewBeforeDays);

  test('is near, critical and expired from exactly these instants on', () => {
    expect(nearness(BEGIN)).toBe('far');
    expect(nearness(left(near) - SECOND_MS)).toBe('far');
    expect(nearness(left(near) + SECOND_MS)).toBe('near');
    expect(nearness(left(critical) - SECOND_MS)).toBe('near');
    expect(nearness(left(critical) + SECOND_MS)).toBe('critical');
    expect(nearness(left(0) - 1)).toBe('critical');
    expect(nearness(left(0))).toBe('expired');
  });

  test('says when it changes next, and has changed then', () => {
    const story: string[] = [];
    let at: number | undefined = BEGIN;
    while (at !== undefined) {
      story.push(nearness(at));
      at = nextNearnessChange(certificate, at, renewBeforeDays);
    }
    expect(story).toEqual(['far', 'near', 'critical', 'expired']);
  });
});

test('nothing is near as long as renewals happen in time', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 3_600, max: 398 * 86_400 }),
      fc.option(fc.integer({ min: -10, max: 400 }), { nil: undefined }),
      fc.string(),
      (seconds, renewBeforeDays, spreadKey) => {
        const certificate = certificateOf(seconds * SECOND_MS);
        const terms = { spreadKey, now: BEGIN, ...(renewBeforeDays === undefined ? {} : { renewBeforeDays }) };
        const { at } = plannedRenewal(certificate, terms);
        expect(expiryNearness(certificate, at, renewBeforeDays)).toBe('far');
      },
    ),
  );
});
