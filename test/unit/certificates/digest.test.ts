import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { canonicalJson, digestOf, nameSetDigest, stableFraction } from '../../../src/certificates/digest.ts';

describe('canonicalJson', () => {
  it('is the same for the same fields in another order', () => {
    expect(canonicalJson({ b: 1, a: { d: [1, 2], c: null } })).toBe(canonicalJson({ a: { c: null, d: [1, 2] }, b: 1 }));
  });

  it('leaves undefined fields out', () => {
    expect(canonicalJson({ a: 1, b: undefined })).toBe(canonicalJson({ a: 1 }));
  });

  it('keeps the order of lists', () => {
    expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]));
  });

  it('is JSON of an equal value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const normal = JSON.parse(JSON.stringify(value)) as unknown;
        expect(JSON.parse(canonicalJson(normal))).toEqual(normal);
      }),
    );
  });
});

test('a stable fraction lies in [0, 1)', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(stableFraction(text)).toBeGreaterThanOrEqual(0);
      expect(stableFraction(text)).toBeLessThan(1);
    }),
  );
});

test('stable fractions are uniformly distributed', () => {
  const tenths = Array.from({ length: 10 }, () => 0);
  for (let index = 0; index < 10_000; index += 1) {
    const tenth = Math.floor(stableFraction(`uhc-production-${index}/c${index}-primary-cert-bundle`) * 10);
    tenths[tenth] = (tenths[tenth] ?? 0) + 1;
  }
  // Six standard deviations of a fair draw.
  for (const count of tenths) expect(Math.abs(count - 1000)).toBeLessThan(180);
});

test('the same set of names has the same digest, whatever its order, case and repetitions', () => {
  expect(nameSetDigest(['b.x', 'A.x', 'a.x'])).toBe(nameSetDigest(['a.x', 'b.x']));
});

test('another set has another digest', () => {
  expect(nameSetDigest(['a.x'])).not.toBe(nameSetDigest(['a.x', 'b.x']));
  expect(nameSetDigest(['ab.x'])).not.toBe(nameSetDigest(['a', 'b.x']));
});

describe('digestOf', () => {
  it('is 16 hexadecimal digits and deterministic', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(digestOf(text)).toMatch(/^[0-9a-f]{16}$/);
        expect(digestOf(text)).toBe(digestOf(text));
      }),
    );
  });

  it('differs for a hundred thousand similar texts', () => {
    const digests = new Set(
      Array.from({ length: 100_000 }, (_, index) => digestOf(`{"name":"c${index}","installed":true}`)),
    );
    expect(digests.size).toBe(100_000);
  });

  it('has two halves that each collide no more often than chance', () => {
    const digests = Array.from({ length: 20_000 }, (_, index) => digestOf(`cluster-${index}`));
    for (const half of [digests.map((d) => d.slice(0, 8)), digests.map((d) => d.slice(8))]) {
      expect(new Set(half).size).toBeGreaterThan(19_990);
    }
  });
});
