import { expect, test } from 'vitest';
import { withBundle } from '../../../src/kubernetes/objects/status-writer.ts';

const primary = { name: 'primary', generated: true };
const other = { name: 'other', generated: true };

test('a new bundle is appended', () => {
  expect(withBundle([other], primary)).toEqual([other, primary]);
});

test('a changed bundle keeps its position', () => {
  expect(withBundle([{ ...primary, generated: false }, other], primary)).toEqual([primary, other]);
});

test.each([
  ['it is there already', [primary], primary],
  ['it is not listed and has no certificate', [], { ...primary, generated: false }],
])('nothing changes when %s', (_name, bundles, wanted) => {
  expect(withBundle(bundles, wanted)).toBe(bundles);
});
