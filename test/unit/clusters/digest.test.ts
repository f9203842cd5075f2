import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, clusterDigest, sameView } from '../../../src/clusters/digest.ts';
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
