import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SecretObservation } from '../../../src/certificates/certificate-facts.ts';
import { plannedRenewal } from '../../../src/certificates/planned-renewal.ts';
import {
  missingNames,
  nextAction,
  type OrderReason,
  type RenewalInputs,
} from '../../../src/certificates/renewal-policy.ts';
import type { RenewalWindow } from '../../../src/certificates/renewal-window.ts';
import { certificateWithLifetime, DAY_MS, NOT_BEFORE } from '../../support/certificates/certificate-facts.ts';

const PRODUCTION = 'acme-v02.api.letsencrypt.org';
const STAGING = 'acme-staging-v02.api.letsencrypt.org';

const good = certificateWithLifetime(90 * DAY_MS);
const staged = certificateWithLifetime(90 * DAY_MS, { issuerName: '(STAGING) Wannabe Watercress R11' });

const valid = (certificate = good): SecretObservation => ({ kind: 'valid', certificate });

function inputs(change: Partial<RenewalInputs> = {}): RenewalInputs {
  return {
    secret: valid(),
    dnsNames: ['api.c1.example.com'],
    jitterKey: 'ns/c1-primary',
    now: NOT_BEFORE + DAY_MS,
    ...change,
  };
}

function windowOver(certId: string): RenewalWindow {
  return { certId, start: '2025-12-30T00:00:00Z', end: '2025-12-31T00:00:00Z' };
}

describe('an order now', () => {
  test.each<readonly [OrderReason, string, Partial<RenewalInputs>, string]>([
    ['SecretMissing', 'no Secret', { secret: { kind: 'missing' } }, 'There is no certificate'],
    [
      'SecretBroken',
      'a broken Secret',
      { secret: { kind: 'broken', message: 'tls.key is not a key' } },
      'tls.key is not a key',
    ],
    [
      'KeyMismatch',
      'a key of another certificate',
      { secret: { kind: 'broken', message: 'tls.key is for another one', keyMismatch: true } },
      'tls.key is for another one',
    ],
    [
      'NamesMissing',
      'a name too few',
      { dnsNames: ['api.c1.example.com', 'rh-api.c1.example.com'] },
      'lacks rh-api.c1.example.com.',
    ],
    ['NamesMissing', 'many names too few', { dnsNames: ['a', 'b', 'c', 'd', 'e'] }, 'lacks a, b, c and 2 more.'],
    ['Revoked', 'revoked', { revoked: true }, 'The CA has revoked certificate 1.'],
    [
      'CaChanged',
      'from another CA',
      { issuedByCaHost: STAGING, caHost: PRODUCTION },
      `was issued by ${STAGING}; certificates now come from ${PRODUCTION}.`,
    ],
    [
      'CaChanged',
      'from staging by its looks, for production',
      { secret: valid(staged), caHost: PRODUCTION },
      `was issued by ${STAGING}; certificates now come from ${PRODUCTION}.`,
    ],
    ['Expired', 'expired', { now: Date.parse(good.notAfter) }, `expired at ${good.notAfter}`],
    [
      'SuggestedByCa',
      'wanted back by the CA',
      { suggestedWindow: windowOver(good.certId ?? '') },
      'the CA suggests a renewal between 2025-12-30T00:00:00Z and 2025-12-31T00:00:00Z.',
    ],
    [
      'RenewalDue',
      'due',
      { now: NOT_BEFORE + 46 * DAY_MS },
      `its renewal was due at ${new Date(plannedRenewal(good, inputs()).at).toISOString()}: 45 days are then left`,
    ],
    [
      'CampaignRequested',
      'in a campaign',
      { campaign: { name: 'heartbleed', revokes: true } },
      `The campaign heartbleed replaces certificate ${good.serialNumber}, which is revoked then.`,
    ],
    ['RenewRequested', 'asked for', { renewRequested: true }, 'An operator asked for it.'],
  ])('%s: %s', (reason, _what, change, words) => {
    const action = nextAction(inputs(change));
    expect(action).toMatchObject({ kind: 'order', reason });
    expect(action.message).toContain(words);
  });

  test('for the most urgent of several reasons', () => {
    // Every reason applies; they are resolved one by one.
    const wrong: RenewalInputs = inputs({
      secret: valid(staged),
      dnsNames: ['other.example.com'],
      revoked: true,
      issuedByCaHost: STAGING,
      caHost: PRODUCTION,
      now: NOT_BEFORE + 100 * DAY_MS,
      suggestedWindow: windowOver(staged.certId ?? ''),
      campaign: { name: 'c', revokes: false },
      renewRequested: true,
    });
    const resolved: readonly (readonly [OrderReason, Partial<RenewalInputs>])[] = [
      ['NamesMissing', {}],
      ['Revoked', { dnsNames: staged.dnsNames }],
      ['CaChanged', { revoked: false }],
      ['Expired', { caHost: STAGING, issuedByCaHost: STAGING }],
      ['SuggestedByCa', { now: NOT_BEFORE + DAY_MS }],
      ['CampaignRequested', { suggestedWindow: windowOver('of.another') }],
      ['RenewRequested', { campaign: undefined }],
    ];
    let now = wrong;
    for (const [reason, change] of resolved) {
      now = { ...now, ...change };
      expect(nextAction(now)).toMatchObject({ kind: 'order', reason });
    }
  });
});

describe('no order', () => {
  test.each<readonly [string, Partial<RenewalInputs>]>([
    ['for a good certificate', {}],
    [
      'for a name too many',
      { secret: valid(certificateWithLifetime(90 * DAY_MS, { dnsNames: ['old.example.com', 'api.c1.example.com'] })) },
    ],
    ['for names in another case', { dnsNames: ['API.c1.Example.com'] }],
    [
      'for the same CA, however its host is written',
      { issuedByCaHost: PRODUCTION, caHost: 'ACME-v02.api.LetsEncrypt.org' },
    ],
    ['when the issuing CA is not recorded', { caHost: PRODUCTION }],
    ['when the CA of an order is unknown', { issuedByCaHost: STAGING }],
    ['for a staging certificate in staging', { secret: valid(staged), caHost: STAGING }],
    ['for a staging certificate while the CA is unknown', { secret: valid(staged) }],
    ['for the window of another certificate', { suggestedWindow: windowOver('of.another') }],
    ['when it is not revoked', { revoked: false }],
    ['when no operator asked for it', { renewRequested: false }],
  ])('%s', (_what, change) => {
    expect(nextAction(inputs(change)).kind).toBe('sleep');
  });

  test('but sleep until the planned instant, with its rule', () => {
    const { at, reason, message } = plannedRenewal(good, inputs());
    expect(nextAction(inputs())).toEqual({ kind: 'sleep', until: at, certificate: good, reason, message });
  });

  test('for a certificate just issued, with a clock skew of minutes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 3_600, max: 398 * 86_400 }),
        fc.integer({ min: -300, max: 300 }),
        fc.option(fc.integer({ min: -10, max: 10_000 }), { nil: undefined }),
        (seconds, skew, renewBeforeDays) => {
          const action = nextAction(
            inputs({
              secret: valid(certificateWithLifetime(seconds * 1000)),
              now: NOT_BEFORE + skew * 1000,
              ...(renewBeforeDays === undefined ? {} : { renewBeforeDays }),
            }),
          );
          expect(action.kind).toBe('sleep');
        },
      ),
    );
  });
});

test('names are compared case-insensitively', () => {
  expect(missingNames(['API.C1.example.com'], ['api.c1.example.com', 'b'])).toEqual(['b']);
});
