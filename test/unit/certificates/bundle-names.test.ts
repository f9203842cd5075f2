import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { namesOfBundle, type ServingNames } from '../../../src/certificates/bundle-names.ts';

const serving: ServingNames = {
  clusterName: 'c1',
  baseDomain: 'example.com',
  defaultBundle: 'primary',
  additional: [],
  ingress: [{ bundle: 'primary', domain: 'apps.c1.example.com' }],
};

function namesOf(change: Partial<ServingNames>, bundle = 'primary', extraRecord?: string) {
  return namesOfBundle(bundle, { ...serving, ...change }, extraRecord);
}

/** A cluster name for which the API's name has the given length. */
function label(length: number): string {
  return 'x'.repeat(length - 'api..example.com'.length);
}

function ingressOf(count: number) {
  return Array.from({ length: count }, (_, index) => ({ bundle: 'many', domain: `n${index}.example.com` }));
}

describe('namesOfBundle', () => {
  it('returns the usual names: API, extra API, apps wildcard, with the first as CN', () => {
    expect(namesOf({}, 'primary', 'rh-api')).toEqual({
      kind: 'valid',
      dnsNames: ['api.c1.example.com', 'rh-api.c1.example.com', '*.apps.c1.example.com'],
      commonName: 'api.c1.example.com',
    });
  });

  it('omits the extra name when none is configured', () => {
    expect(namesOf({})).toMatchObject({ dnsNames: ['api.c1.example.com', '*.apps.c1.example.com'] });
    expect(namesOf({}, 'primary', '')).toMatchObject({ dnsNames: ['api.c1.example.com', '*.apps.c1.example.com'] });
  });

  it('keeps the order: control plane, additional, ingress', () => {
    expect(
      namesOf({
        additional: [
          { bundle: 'primary', domain: 'z.example.com' },
          { bundle: 'other', domain: 'not-mine.example.com' },
          { bundle: 'primary', domain: 'a.example.com' },
        ],
        ingress: [
          { bundle: 'primary', domain: 'y.example.com' },
          { domain: 'nobody.example.com' },
          { bundle: 'primary', domain: '*.b.example.com' },
        ],
      }),
    ).toMatchObject({
      dnsNames: ['api.c1.example.com', 'z.example.com', 'a.example.com', '*.y.example.com', '*.b.example.com'],
    });
  });

  it('adds the API names only to the default bundle', () => {
    expect(namesOf({ ingress: [{ bundle: 'second', domain: 'apps.example.com' }] }, 'second', 'rh-api')).toMatchObject({
      dnsNames: ['*.apps.example.com'],
      commonName: '*.apps.example.com',
    });
  });

  it('lower-cases names and removes duplicates', () => {
    expect(
      namesOf({
        clusterName: 'C1',
        baseDomain: 'Example.COM',
        additional: [
          { bundle: 'primary', domain: 'API.c1.example.com' },
          { bundle: 'primary', domain: 'a.EXAMPLE.com' },
          { bundle: 'primary', domain: 'A.example.com' },
        ],
      }),
    ).toMatchObject({ dnsNames: ['api.c1.example.com', 'a.example.com', '*.apps.c1.example.com'] });
  });

  it('has no CN when the first name has more than 64 characters', () => {
    expect(namesOf({ clusterName: label(64) })).toHaveProperty('commonName');
    expect(namesOf({ clusterName: label(65) })).not.toHaveProperty('commonName');
    expect(namesOf({ clusterName: label(65) })).toMatchObject({ kind: 'valid' });
  });

  it('says how to use a bundle that nothing uses', () => {
    expect(namesOf({}, 'unused')).toEqual({
      kind: 'invalid',
      code: 'names/none',
      message: expect.stringMatching(/"unused".*servingCertificates.*ingress/),
    });
  });

  it('accepts 100 names and no more', () => {
    expect(namesOf({ ingress: ingressOf(100) }, 'many')).toMatchObject({ kind: 'valid' });
    expect(namesOf({ ingress: ingressOf(101) }, 'many')).toMatchObject({
      code: 'names/tooMany',
      message: expect.stringContaining('101 names'),
    });
  });

  it('counts duplicates once towards the limit', () => {
    const ingress = Array.from({ length: 300 }, (_, index) => ({
      bundle: 'many',
      domain: `n${index % 100}.example.com`,
    }));
    expect(namesOf({ ingress }, 'many')).toMatchObject({ kind: 'valid' });
  });

  it.each([
    ['under_score.example.com', /letters, digits and hyphens/],
    ['-lead.example.com', /hyphen at either end/],
    ['trail-.example.com', /hyphen at either end/],
    ['two..dots.example.com', /1 to 63/],
    ['dot-at-end.example.com.', /1 to 63/],
    ['white space.example.com', /letters/],
    ['ümlaut.example.com', /letters/],
    [`${'x'.repeat(64)}.example.com`, /1 to 63/],
    [`${'x.'.repeat(130)}example.com`, /more than 253/],
    ['a.*.example.com', /leftmost/],
    ['*.*.example.com', /leftmost/],
    ['a*.example.com', /leftmost/],
    ['*', /at least two labels/],
    ['*.com', /at least two labels/],
    ['localhost', /at least two labels/],
    ['192.0.2.7', /IP address/],
    ['*.0.2.7', /IP address/],
    ['2001:db8::1', /letters/],
    ['', /empty/],
  ])('rejects %j and says why', (domain, why) => {
    const names = namesOf({ additional: [{ bundle: 'primary', domain }] });
    expect(names).toMatchObject({ kind: 'invalid', code: 'names/invalid', message: expect.stringMatching(why) });
  });

  it('rejects an ingress without a domain', () => {
    expect(namesOf({ ingress: [{ bundle: 'primary', domain: '' }] })).toMatchObject({ code: 'names/invalid' });
  });

  it.each(['other.org', 'badexample.com', '*.org.example', 'com'])('rejects %s, outside the zone', (domain) => {
    const names = namesOf({ additional: [{ bundle: 'primary', domain: domain === 'com' ? 'x.com' : domain }] });
    expect(names).toMatchObject({ code: 'dns/nameOutsideZone', message: expect.stringContaining('"example.com"') });
  });

  it('accepts the zone itself and a wildcard directly below it', () => {
    expect(
      namesOf({
        additional: [
          { bundle: 'primary', domain: 'example.com' },
          { bundle: 'primary', domain: '*.example.com' },
        ],
      }),
    ).toMatchObject({ kind: 'valid' });
  });

  it('quotes the invalid value, truncated and without control characters', () => {
    const names = namesOf({ additional: [{ bundle: 'primary', domain: `\u001b[31m\u202e${'x'.repeat(3000)}` }] });
    const message = names.kind === 'invalid' ? names.message : '';
    expect(message.length).toBeLessThan(400);
    // oxlint-disable-next-line no-control-regex -- matches what must not occur
    expect(message).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
  });

  it('only returns names that are lower case, unique and in the zone, for any input', () => {
    const domain = fc.oneof(
      fc.domain(),
      fc.string(),
      fc.domain().map((name) => `${name}.example.com`),
      fc.constantFrom('*', '*.', '.', 'a.example.com', 'A.example.com', '*.a.example.com'),
    );
    const entries = fc.array(fc.record({ bundle: fc.constantFrom('primary', 'other'), domain }), { maxLength: 6 });
    fc.assert(
      fc.property(entries, entries, (additional, ingress) => {
        const names = namesOf({ additional, ingress });
        if (names.kind === 'invalid') {
          expect(names.message.length).toBeLessThan(600);
          return;
        }
        expect(new Set(names.dnsNames).size).toBe(names.dnsNames.length);
        for (const name of names.dnsNames) {
          expect(name).toMatch(/^(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)*example\.com$/);
          expect(name.length).toBeLessThanOrEqual(253);
        }
      }),
    );
  });
});
