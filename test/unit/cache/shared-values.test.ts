import { expect, test } from 'vitest';
import { SharedValues } from '../../../src/cache/shared-values.ts';

test('equal keys share the first value', () => {
  const values = new SharedValues<object>();
  const [first, second] = [{}, {}];
  expect(values.get('key', first)).toBe(first);
  expect(values.get('key', second)).toBe(first);
});

test('a long key is not kept: the authors of objects decide on their texts', () => {
  const values = new SharedValues<object>();
  const [first, second] = [{}, {}];
  const key = 'k'.repeat(4_096);
  expect(values.get(key, first)).toBe(first);
  expect(values.get(key, second)).toBe(second);
});

test('keys are forgotten when they become too many', () => {
  const values = new SharedValues<object>();
  const [first, second] = [{}, {}];
  values.get('key', first);
  for (let index = 0; index < 10_000; index += 1) values.get(String(index), {});
  expect(values.get('key', second)).toBe(second);
});
