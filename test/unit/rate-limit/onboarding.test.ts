import { describe, expect, test } from 'vitest';
import { simulateOnboarding } from '../../support/simulation/onboarding.ts';

describe('10,000 clusters that are installed in the same minute', () => {
  test.each([1, 2])(
    'have their certificates as soon as the limit of the account allows, with %i workers',
    (workers) => {
      const { lastIssuedDays, optimumDays, rateLimited, attemptsPerMinute } = simulateOnboarding({
        clusters: 10_000,
        policy: 'turns',
        workers,
      });
      expect(optimumDays).toBeCloseTo(4.04, 2);
      expect(lastIssuedDays).toBeLessThan(1.01 * optimumDays);
      // Each order is refused once for each other worker at most, beside those in flight when the limit is reached.
      expect(rateLimited).toBeLessThan((workers - 1) * 10_000 + 300);
      expect(attemptsPerMinute).toBeLessThan(10);
    },
  );
});

test('an instant that one worker gives is kept', () => {
  const { promiseErrorP95 } = simulateOnboarding({ clusters: 2_000, policy: 'turns', workers: 1 });
  expect(promiseErrorP95).toBeLessThan(60);
});

test('jitter alone keeps clusters from waking in step', () => {
  const [fixed, jitter] = (['fixed', 'jitter'] as const).map((policy) =>
    simulateOnboarding({ clusters: 3_000, policy, workers: 1 }),
  );
  expect(fixed?.lastIssuedDays).toBeGreaterThan(4 * (fixed?.optimumDays ?? 0));
  expect(jitter?.lastIssuedDays).toBeLessThan((jitter?.optimumDays ?? 0) + 1);
});

describe('with one budget for all workers', () => {
  test.each([
    [10_000, undefined],
    [1_000, 20],
    [2_000, 1],
  ])(
    '%i clusters are refused nothing, are as fast as the limits allow, and keep to what they were told',
    (clusters, domains) => {
      const result = simulateOnboarding({ clusters, policy: 'budget', workers: 2, domains });
      expect(result.rateLimited).toBe(0);
      expect(result.lastIssuedDays).toBeLessThan(1.05 * result.optimumDays);
      expect(result.promiseErrorP95).toBeLessThan(60);
    },
  );
});
