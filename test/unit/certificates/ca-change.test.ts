import { describe, expect, test } from 'vitest';
import { type CaChangeInputs, fallbackNote, formerCa, refusedCaChange } from '../../../src/certificates/ca-change.ts';
import type { CertificateFacts } from '../../../src/certificates/certificate-facts.ts';
import { certificateWithLifetime, DAY_MS } from '../../support/certificates/certificate-facts.ts';

const PRODUCTION = 'acme-v02.api.letsencrypt.org';
const STAGING = 'acme-staging-v02.api.letsencrypt.org';
const PRIVATE = 'ca.example.com:14000';

const MISSING = { kind: 'missing' } as const;
const holding = (change: Partial<CertificateFacts> = {}) =>
  ({ kind: 'valid', certificate: certificateWithLifetime(90 * DAY_MS, change) }) as const;
const byProduction = holding({ issuerName: 'R11', crlUrl: 'http://r11.c.lencr.org/12.crl' });
const byStaging = holding({
  issuerName: '(STAGING) Wannabe Watercress R11',
  crlUrl: 'http://stg-r11.c.lencr.org/1.crl',
});
const bySomebody = holding({ issuerName: 'Some CA' });

describe('a change of the CA is refused', () => {
  test.each<readonly [string, CaChangeInputs]>([
    ['production to staging', { secret: byProduction, issuedByCaHost: PRODUCTION, caHost: STAGING }],
    ['production to a private CA', { secret: byProduction, issuedByCaHost: PRODUCTION, caHost: PRIVATE }],
    ['a private CA to production', { secret: bySomebody, issuedByCaHost: PRIVATE, caHost: PRODUCTION }],
    [
      'another directory of one host',
      {
        secret: bySomebody,
        issuedByCaHost: 'ca.example.com/acme/production/directory',
        caHost: 'ca.example.com/acme/staging/directory',
      },
    ],
    ['another port', { secret: bySomebody, issuedByCaHost: PRIVATE, caHost: 'ca.example.com:14001' }],
    ['of a certificate adopted from certman-operator, to staging', { secret: byProduction, caHost: STAGING }],
    ['of a certificate adopted from certman-operator, to a private CA', { secret: byProduction, caHost: PRIVATE }],
    ['of a certificate whose CA is not known, to staging', { secret: bySomebody, caHost: STAGING }],
    ['while the Secret is missing', { secret: MISSING, issuedByCaHost: PRODUCTION, caHost: STAGING }],
    [
      'while the Secret is broken',
      { secret: { kind: 'broken', message: 'no key' }, issuedByCaHost: PRODUCTION, caHost: STAGING },
    ],
  ])('%s', (_what, inputs) => {
    expect(refusedCaChange(inputs)).toMatchObject({ code: 'acme/caChanged', retry: 'onChange' });
    expect(refusedCaChange(inputs)?.remedy).toContain(`CERTMAN_ALLOW_CA_CHANGE_TO=${inputs.caHost}`);
    expect(refusedCaChange({ ...inputs, caChangeAllowed: true })).toBeUndefined();
  });
});

describe('an order is not refused', () => {
  test.each<readonly [string, CaChangeInputs]>([
    ['to the same CA', { secret: byProduction, issuedByCaHost: PRODUCTION, caHost: PRODUCTION }],
    [
      'to the same CA in another case',
      { secret: byProduction, issuedByCaHost: 'ACME-v02.api.LetsEncrypt.org', caHost: PRODUCTION },
    ],
    ['for the first certificate', { secret: MISSING, caHost: STAGING }],
    ['for a certificate of staging', { secret: byStaging, issuedByCaHost: STAGING, caHost: PRODUCTION }],
    ['for an adopted certificate of staging, to production', { secret: byStaging, caHost: PRODUCTION }],
    ['for an adopted certificate of staging, to staging', { secret: byStaging, caHost: STAGING }],
    ['for an adopted certificate of production, to production', { secret: byProduction, caHost: PRODUCTION }],
    ['for a certificate whose CA is not known, to a CA that is not staging', { secret: bySomebody, caHost: PRIVATE }],
    ['without an account: it fails by itself', { secret: byProduction, issuedByCaHost: PRODUCTION }],
  ])('%s', (_what, inputs) => {
    expect(refusedCaChange(inputs)).toBeUndefined();
  });
});

describe('a certificate of a fallback CA', () => {
  const inputs = { secret: bySomebody, issuedByCaHost: PRIVATE, caHost: PRODUCTION, fallbackCaHosts: [PRIVATE] };

  test('is none of another CA', () => {
    expect(refusedCaChange(inputs)).toBeUndefined();
    expect(formerCa(inputs)).toBeUndefined();
    expect(fallbackNote(inputs)).toBe(
      `It is from the fallback CA ${PRIVATE}; its renewal is ordered from ${PRODUCTION} again.`,
    );
    expect(fallbackNote({ ...inputs, issuedByCaHost: PRODUCTION })).toBeUndefined();
  });

  test('nor is one of the first CA, when that is on the list after a change of the order', () => {
    const swapped = { secret: byProduction, caHost: PRIVATE, fallbackCaHosts: [PRODUCTION] };
    expect(refusedCaChange(swapped)).toBeUndefined();
  });

  test('is still not replaced by one of staging, nor by one of a CA that is on no list', () => {
    expect(refusedCaChange({ ...inputs, caHost: STAGING })).toMatchObject({ code: 'acme/caChanged' });
    expect(refusedCaChange({ ...inputs, fallbackCaHosts: ['third.example'] })).toMatchObject({
      code: 'acme/caChanged',
    });
  });
});
