import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, clusterDigest, digestOf, sameView } from '../../../src/clusters/digest.ts';
import { bundleView, clusterView } from '../../support/workflows/cluster-views.ts';

describe('canonicalJson', () => {
  it('is the same for the same fields in another order', () => {
    expect(canonicalJson({ b: 1, a: { d: [1, 2], c: null } })).toBe(canonicalJson({ a: { c: null, d: [1, 2] }, b: 1 }));
  });

  it('takes an absent field and an undefined one for the same', () => {
    expect(canonicalJson({ a: 1, b: undefined })).toBe(canonicalJson({ a: 1 }));
  });

  it('keeps the order of lists', () => {
    expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]));
  });

  it('is JSON that says the same as the value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const normal = JSON.parse(JSON.stringify(value)) as unknown;
        expect(JSON.parse(canonicalJson(normal))).toEqual(normal);
      }),
    );
  });
});

describe('digestOf', () => {
  it('is 16 hex digits and always the same', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(digestOf(text)).toMatch(/^[0-9a-f]{16}$/);
        expect(digestOf(text)).toBe(digestOf(text));
      }),
    );
  });

  it('tells a hundred thousand similar texts apart', () => {
    const digests = new Set(
      Array.from({ length: 100_000 }, (_, index) => digestOf(`{"name":"c${index}","installed":true}`)),
    );
    expect(digests.size).toBe(100_000);
  });

  it('uses both halves: neither alone repeats more often than chance', () => {
    const digests = Array.from({ length: 20_000 }, (_, index) => digestOf(`cluster-${index}`));
    for (const half of [digests.map((d) => d.slice(0, 8)), digests.map((d) => d.slice(8))]) {
      expect(new Set(half).size).toBeGreaterThan(19_990);
    }
  });
});

describe('clusterDigest and sameView', () => {
  const view = clusterView();

  it('do not see our own finalizer', () => {
    expect(clusterDigest({ ...view, finalizer: true })).toBe(clusterDigest({ ...view, finalizer: false }));
    expect(sameView({ ...view, finalizer: true }, { ...view, finalizer: false })).toBe(true);
  });

  it.each([
    { deleting: true },
    { installed: false },
    { managed: false },
    { fake: true },
    { paused: true },
    { limitedSupport: true },
    { relocation: 'outgoing' as const },
    { zoneName: 'other.example' },
    { platform: { kind: 'unsupported' as const, found: 'vsphere' } },
    { bundles: [bundleView('primary', 'api.other.example.com')] },
    { apiURL: 'https://api.example.com' },
    { identity: { ...view.identity, uid: 'another' } },
  ])('see a change of %o', (change) => {
    expect(clusterDigest({ ...view, ...change })).not.toBe(clusterDigest(view));
    expect(sameView({ ...view, ...change }, view)).toBe(false);
  });
});
