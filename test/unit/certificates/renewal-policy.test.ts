import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CertificateFacts, SecretObservation } from '../../../src/certificates/certificate-facts.ts';
import {
  fractionOf,
  missingNames,
  nextAction,
  type RenewalInputs,
  renewalInstant,
} from '../../../src/certificates/renewal-policy.ts';

const DAY_MS = 86_400_000;
const BEGIN = Date.parse('2026-01-01T00:00:00Z');

function certificate(
  lifetimeMs: number,
  begin = BEGIN,
  dnsNames: readonly string[] = ['api.c1.example.com'],
): CertificateFacts {
  return {
    serialNumber: '1',
    issuerName: 'Test CA',
    notBefore: new Date(begin).toISOString(),
    notAfter: new Date(begin + lifetimeMs).toISOString(),
    dnsNames,
    fingerprint: 'f',
  };
}

function inputs(secret: SecretObservation, change: Partial<RenewalInputs> = {}): RenewalInputs {
  return { secret, dnsNames: ['api.c1.example.com'], spreadKey: 'ns/c1-primary', now: BEGIN + DAY_MS, ...change };
}

describe('what a bundle needs', () => {
  test('a missing Secret: an order', () => {
    expect(nextAction(inputs({ kind: 'missing' }))).toMatchObject({ kind: 'order', reason: 'SecretMissing' });
  });

  test('a broken Secret: an order that says what is broken', () => {
    const action = nextAction(inputs({ kind: 'broken', message: 'tls.key is not a key' }));
    expect(action).toMatchObject({ kind: 'order', reason: 'SecretBroken' });
    expect(action.kind === 'order' && action.message).toContain('tls.key is not a key');
  });

  test('a good certificate: sleep until its renewal', () => {
    const facts = certificate(90 * DAY_MS);
    expect(nextAction(inputs({ kind: 'valid', certificate: facts }))).toEqual({
      kind: 'sleep',
      until: renewalInstant(facts, undefined, 'ns/c1-primary'),
      certificate: facts,
    });
  });

  test('a name too few: an order that names it', () => {
    const action = nextAction(
      inputs(
        { kind: 'valid', certificate: certificate(90 * DAY_MS) },
        { dnsNames: ['api.c1.example.com', 'rh-api.c1.example.com'] },
      ),
    );
    expect(action).toMatchObject({ kind: 'order', reason: 'NamesMissing' });
    expect(action.kind === 'order' && action.message).toContain('rh-api.c1.example.com');
  });

  test('a name too many is no reason for an order', () => {
    const facts = certificate(90 * DAY_MS, BEGIN, ['api.c1.example.com', 'old.c1.example.com']);
    expect(nextAction(inputs({ kind: 'valid', certificate: facts })).kind).toBe('sleep');
  });

  test('an expired certificate: an order', () => {
    const action = nextAction(
      inputs({ kind: 'valid', certificate: certificate(90 * DAY_MS) }, { now: BEGIN + 91 * DAY_MS }),
    );
    expect(action).toMatchObject({ kind: 'order', reason: 'Expired' });
  });

  test('a renewal that is due: an order', () => {
    const action = nextAction(
      inputs({ kind: 'valid', certificate: certificate(90 * DAY_MS) }, { now: BEGIN + 46 * DAY_MS }),
    );
    expect(action).toMatchObject({ kind: 'order', reason: 'RenewalDue' });
  });
});

describe('when a certificate is renewed', () => {
  test.each([
    [90, 45],
    [64, 32],
    [45, 22.5],
    [6.7, 3.35],
    [398, 45],
  ])('one of %s days with %s days left, at most a day (or a fiftieth) earlier', (lifetime, left) => {
    const facts = certificate(lifetime * DAY_MS);
    const leftDays = (Date.parse(facts.notAfter) - renewalInstant(facts, undefined, 'any')) / DAY_MS;
    expect(leftDays).toBeGreaterThanOrEqual(left - 0.001);
    expect(leftDays).toBeLessThanOrEqual(left + Math.min(1, lifetime / 50) + 0.001);
  });

  test.each([
    ['as the user says', 30, 30],
    ['never with more than half of its life to go', 80, 45],
    ['by default where the user says 0', 0, 45],
    ['by default where the user says less than 0', -5, 45],
  ])('%s', (_how, wanted, left) => {
    const facts = certificate(90 * DAY_MS);
    const leftDays = (Date.parse(facts.notAfter) - renewalInstant(facts, wanted, 'any')) / DAY_MS;
    expect(leftDays).toBeGreaterThanOrEqual(left - 0.001);
    expect(leftDays).toBeLessThanOrEqual(left + 1.001);
  });

  test('always at the same instant for the same request, and spread over requests', () => {
    const facts = certificate(90 * DAY_MS);
    expect(renewalInstant(facts, undefined, 'a/b')).toBe(renewalInstant(facts, undefined, 'a/b'));
    const instants = new Set(
      Array.from({ length: 200 }, (_, index) => renewalInstant(facts, undefined, `ns/c${index}`)),
    );
    expect(instants.size).toBeGreaterThan(190);
  });

  test('from an hour to 398 days: inside its life, with at least nearly half of it behind', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 3_600, max: 398 * 86_400 }),
        fc.option(fc.integer({ min: -10, max: 400 }), { nil: undefined }),
        fc.string(),
        (seconds, renewBeforeDays, key) => {
          const facts = certificate(seconds * 1000);
          const at = renewalInstant(facts, renewBeforeDays, key);
          expect(at).toBeLessThan(Date.parse(facts.notAfter));
          expect(at - BEGIN).toBeGreaterThanOrEqual(seconds * 1000 * 0.47);
        },
      ),
    );
  });

  test('a certificate just issued never calls for another at once, however skewed the clock by minutes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 3_600, max: 398 * 86_400 }),
        fc.integer({ min: -300, max: 300 }),
        (seconds, skew) => {
          const facts = certificate(seconds * 1000);
          const action = nextAction(inputs({ kind: 'valid', certificate: facts }, { now: BEGIN + skew * 1000 }));
          expect(action.kind).toBe('sleep');
        },
      ),
    );
  });
});

test('names are compared without regard to case', () => {
  expect(missingNames(['API.C1.example.com'], ['api.c1.example.com', 'b'])).toEqual(['b']);
});

test('the spread lies in [0, 1)', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(fractionOf(text)).toBeGreaterThanOrEqual(0);
      expect(fractionOf(text)).toBeLessThan(1);
    }),
  );
});
