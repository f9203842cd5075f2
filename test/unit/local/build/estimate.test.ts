import { expect, test } from 'vitest';
import { aboutSeconds, Estimate } from '../../../../local/stack/build/estimate.ts';

test('before anything is done, an estimate divides the work by the cores', () => {
  const estimate = new Estimate(2, () => 0);
  estimate.add(600);
  estimate.add(100);
  expect(estimate.remainingSeconds()).toBe(350);
});

test('a slower machine shows in the estimate once some of the work is done', () => {
  let now = 0;
  const estimate = new Estimate(2, () => now);
  const work = estimate.add(1_000);
  work.advance(0.5);
  // 500 of a thousand processor seconds took a thousand seconds: half a second of work a second.
  now = 1_000_000;
  expect(estimate.remainingSeconds()).toBe(1_000);
});

test('what is done is nothing to wait for, and never undone', () => {
  const estimate = new Estimate(2, () => 0);
  const [one, other] = [estimate.add(100), estimate.add(100)];
  one.advance(1);
  one.advance(0.2);
  other.advance(7);
  expect(estimate.remainingSeconds()).toBe(0);
});

test('an estimate is as exact as it can be', () => {
  expect([560, 95, 42, 3].map(aboutSeconds)).toEqual(['about 9 min', 'about 2 min', 'about 40 s', 'some seconds']);
});
