import { expect, test } from 'vitest';
import { counted } from '../../../src/failures/counted.ts';

test('a noun is in the singular only for one', () => {
  expect([0, 1, 2].map((number) => counted(number, 'zone'))).toEqual(['0 zones', '1 zone', '2 zones']);
  expect([1, 2].map((number) => counted(number, 'entry', 'entries'))).toEqual(['1 entry', '2 entries']);
});
