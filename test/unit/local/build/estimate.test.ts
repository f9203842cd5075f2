import { expect, test } from 'vitest';
import { aboutSeconds, Estimate } from '../../../../local/stack/build/estimate.ts';

test('at first, the estimate is the work divided by the cores', () => {
  const estimate = new Estimate(2, () => 0);
  estimate.add(600);
  estimate.add(100);
  expect(estimate.remainingSeconds()).toBe(350);
});

test('later, the estimate follows the speed of the machine', () => {
  let now = 0;
  const estimate = new Estimate(2, () => now);
  const work = estimate.add(1_000);
  work.advance(0.5);
  // 500 of a thousand processor seconds took a thousand seconds: half a second of work a second.
  now = 1_000_000;
  expect(estimate.remainingSeconds()).toBe(1_000);
});

test('completed work is not estimated, and progress never decreases', () => {
  const estimate = new Estimate(2, () => 0);
  const [one, other] = [estimate.add(100), estimate.add(100)];
  one.advance(1);
  one.advance(0.2);
  other.advance(7);
  expect(estimate.remainingSeconds()).toBe(0);
});

test('an estimate is rounded by its size', () => {
  expect([560, 95, 42, 3].map(aboutSeconds)).toEqual(['about 9 min', 'about 2 min', 'about 40 s', 'some seconds']);
});
