import { expect, test } from 'vitest';
import { nameSetDigest } from '../../../src/certificates/name-set.ts';

test('the same set has the same digest, whatever its order, case and repetitions', () => {
  expect(nameSetDigest(['b.x', 'A.x', 'a.x'])).toBe(nameSetDigest(['a.x', 'b.x']));
});

test('another set has another digest', () => {
  expect(nameSetDigest(['a.x'])).not.toBe(nameSetDigest(['a.x', 'b.x']));
  expect(nameSetDigest(['ab.x'])).not.toBe(nameSetDigest(['a', 'b.x']));
});
