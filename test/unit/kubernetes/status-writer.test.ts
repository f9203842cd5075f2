import { expect, test } from 'vitest';
import { withBundle } from '../../../src/kubernetes/objects/status-writer.ts';

const primary = { name: 'primary', generated: true };
const other = { name: 'other', generated: true };

test('a new bundle comes after those that are there', () => {
  expect(withBundle([other], primary)).toEqual([other, primary]);
});

test('a bundle that changes stays in its place', () => {
  expect(withBundle([{ ...primary, generated: false }, other], primary)).toEqual([primary, other]);
});

test.each([
  ['it says so already', [primary], primary],
  ['it is not listed and has no certificate', [], { ...primary, generated: false }],
])('nothing is to be written when %s', (_name, bundles, wanted) => {
  expect(withBundle(bundles, wanted)).toBe(bundles);
});
